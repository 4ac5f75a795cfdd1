/**
 * Workers of a test program, and where its threads meet.
 *
 * Owns starting workers on the program's own file, hearing from them, and barriers over a SharedArrayBuffer. Everything
 * that waits is bounded: a hang is an error.
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker, type WorkerOptions, workerData } from "node:worker_threads";
import { patience } from "../../support/surroundings.js";

/** Far above what any step takes on a busy machine. */
export const PATIENCE_MS = patience(120_000);

export interface Member<T> {
  readonly worker: Worker;
  /** What the worker posted; rejects when it ended with an error or without a word. */
  readonly said: Promise<T>;
  /** The exit code, however it ended. */
  readonly ended: Promise<number>;
}

/** Starts a worker on a module, and hands it `data`. */
export function start<T>(program: string | URL, data: object, env?: WorkerOptions["env"]): Member<T> {
  const options: WorkerOptions = { argv: [], execArgv: [], workerData: data };
  if (env !== undefined) options.env = env;
  const worker = new Worker(new URL(program), options);
  const ended = new Promise<number>((resolve) => worker.once("exit", resolve));
  const said = new Promise<T>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    void ended.then((code) => reject(new Error(`a worker ended with ${code} and said nothing`)));
  });
  said.catch(() => {}); // whoever waits for it is told
  return { worker, said, ended };
}

/** What workers of one kind say, when all of them have said it and ended. */
export async function finish<T>(crew: ReadonlyArray<Member<T>>): Promise<T[]> {
  const all = Promise.all(crew.map(async ({ said, ended }) => [await said, await ended] as const));
  const outcomes = await within(all, "the workers to end");
  for (const [, code] of outcomes) if (code !== 0) throw new Error(`a worker ended with ${code}`);
  return outcomes.map(([said]) => said);
}

/** A promise that must be kept in time. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a worker wherever it is. */
export async function terminate({ worker, ended }: Member<unknown>): Promise<void> {
  await within(Promise.all([worker.terminate(), ended]), "a worker to be terminated");
}

/** Hears one message of a worker that goes on. */
export async function hear<T>({ worker }: Member<unknown>): Promise<T> {
  const [message] = await within(once(worker, "message"), "a message");
  return message as T;
}

/** What start() was given. */
export function given<T>(): T {
  return workerData as T;
}

const ARRIVED = 0;
const ROUND = 1;
const SPINS = 2000;

/** A barrier for a number of threads, over two words that they share; any number of times. */
export class Meeting {
  readonly #words: Int32Array;
  readonly #parties: number;

  constructor(shared: SharedArrayBuffer, parties: number) {
    this.#words = new Int32Array(shared);
    this.#parties = parties;
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(8);
  }

  /** Waits until all are here. They leave at about the same moment: those that wait spin first. */
  meet(): void {
    const words = this.#words;
    const round = Atomics.load(words, ROUND);
    if (Atomics.add(words, ARRIVED, 1) + 1 === this.#parties) {
      Atomics.store(words, ARRIVED, 0);
      Atomics.add(words, ROUND, 1);
      Atomics.notify(words, ROUND);
      return;
    }
    for (let spins = SPINS; spins > 0; spins--) if (Atomics.load(words, ROUND) !== round) return;
    awaitChange(words, ROUND, round);
  }
}

/** Sleeps until the word is no longer `value`. */
export function awaitChange(words: Int32Array, index: number, value: number): void {
  const end = Date.now() + PATIENCE_MS;
  while (Atomics.load(words, index) === value) {
    const left = end - Date.now();
    if (left <= 0) throw new Error(`waited in vain for word ${index} to change from ${value}`);
    Atomics.wait(words, index, value, left);
  }
}

/** The same without keeping the thread from anything else. */
export async function left(words: Int32Array, index: number, value: number): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (Atomics.load(words, index) === value) {
    if (Date.now() > end) throw new Error(`waited in vain for word ${index} to change from ${value}`);
    await delay(1);
  }
}

/** Sets a word and wakes all that wait for it. */
export function announce(words: Int32Array, index: number, value: number): void {
  Atomics.store(words, index, value);
  Atomics.notify(words, index);
}
