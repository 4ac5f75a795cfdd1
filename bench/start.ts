/** What it costs a worker to load something that the main thread has loaded: a module's source, as a program. */
import { Worker } from "node:worker_threads";
import { median } from "./compare.js";

export interface StartAsk {
  /** Source of an ES module that loads something and uses it. */
  readonly program: string;
  readonly starts: number;
}

/** Milliseconds from `new Worker` until the worker has run the program and answers: the median start. */
export async function measureStart({ program, starts }: StartAsk): Promise<number> {
  await import(moduleOf(program).href);
  const answering = moduleOf(
    `${program}; import { parentPort } from "node:worker_threads"; parentPort.postMessage(0);`,
  );
  const times: number[] = [];
  for (let i = 0; i < starts; i++) {
    const start = performance.now();
    const worker = new Worker(answering, { execArgv: [] });
    await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    times.push(performance.now() - start);
    await worker.terminate();
  }
  return median(times);
}

function moduleOf(source: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
