/**
 * The workers of the tour: each runs crew-worker.ts, and does what it is asked to.
 *
 * Owns starting and ending them, and asking. Whoever does not answer in time ends the tour with an error.
 */
import type { Worker } from "node:worker_threads";
import { startWorker } from "../worker.js";
import type { Jobs } from "./crew-worker.js";

const PATIENCE_MS = 60_000;

type Job = keyof Jobs;

class Member {
  readonly name: string;
  readonly #worker: Worker;
  #asked = 0;
  #failed: Error | null = null;

  constructor(name: string) {
    this.name = name;
    this.#worker = startWorker(new URL("./crew-worker.ts", import.meta.url), null);
    this.#worker.unref(); // a tour that ends early does not wait for its workers
    this.#worker.on("error", (error: Error) => (this.#failed = error));
  }

  /** Lets the worker do a job; what it answers. */
  async ask<J extends Job>(job: J, ...args: Parameters<Jobs[J]>): Promise<Awaited<ReturnType<Jobs[J]>>> {
    return (await this.#answer(this.#send(job, args))) as Awaited<ReturnType<Jobs[J]>>;
  }

  /** The same without waiting. */
  tell<J extends Job>(job: J, ...args: Parameters<Jobs[J]>): void {
    this.#send(job, args);
  }

  /** Ends it, wherever it is. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(job: Job, args: unknown[]): number {
    const id = this.#asked++;
    this.#worker.postMessage({ id, job, args });
    return id;
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { name } = this;
      const timer = setTimeout(() => settle(new Error(`${name} does not answer`)), PATIENCE_MS);
      const fail = (error: Error) => settle(error);
      const hear = (answer: { id: number; result: unknown }) => {
        if (answer.id === id) settle(null, answer.result);
      };
      const settle = (error: Error | null, result?: unknown) => {
        clearTimeout(timer);
        this.#worker.off("error", fail).off("message", hear);
        if (error === null) resolve(result);
        else reject(error);
      };
      if (this.#failed !== null) settle(this.#failed);
      else this.#worker.on("error", fail).on("message", hear);
    });
  }
}

export type { Member };

const present: Member[] = [];

export function start(name: string): Member {
  const member = new Member(name);
  present.push(member);
  return member;
}

export async function endAll(): Promise<void> {
  await Promise.all(present.splice(0).map((member) => member.terminate()));
}

/** Waits until a word of shared memory is at least `value`. */
export async function until(words: Int32Array, word: number, value: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (Atomics.load(words, word) < value) {
    if (performance.now() > deadline) throw new Error(`a worker stands still at ${words[word]} of ${value}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
