/**
 * Workers, from the side of the main thread: started, asked for one duty at a time, ended.
 *
 * Owns the wait for a worker, which is bounded: one that fails or stands still is an error of the tour. What the
 * duties are is thread.ts's.
 */
import type { Worker } from "node:worker_threads";
import { startWorker } from "../worker.js";
import { PATIENCE_MS } from "./meeting.js";
import type { Duties } from "./thread.js";

type Answer<Name extends keyof Duties> = ReturnType<Duties[Name]>;

/** Who waits for an answer. */
interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** One worker. */
export class Hand {
  readonly #worker: Worker;
  #waiting: Waiting | undefined;
  /** Why it does nothing any more. */
  #failure: Error | undefined;
  /** Where the state of its heap lies. */
  heap = 0;

  private constructor() {
    this.#worker = startWorker(new URL("./thread.ts", import.meta.url), null);
    this.#worker.on("message", (answer) => this.#waiting?.resolve(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the worker ended before it answered")));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
  }

  /** A worker that has loaded the library. */
  static async start(): Promise<Hand> {
    const hand = new Hand();
    try {
      hand.heap = await hand.ask("heap");
    } catch (error) {
      await hand.end();
      throw error;
    }
    return hand;
  }

  ask<Name extends keyof Duties>(name: Name, ...args: Parameters<Duties[Name]>): Promise<Answer<Name>> {
    const answer = new Promise<Answer<Name>>((resolve, reject) => {
      this.#waiting = { resolve: (value) => resolve(value as Answer<Name>), reject };
      if (this.#failure !== undefined) reject(this.#failure);
    });
    this.set(name, ...args);
    return bounded(answer, `"${name}" in a worker`);
  }

  /** Asks for a duty that never ends. */
  set<Name extends keyof Duties>(name: Name, ...args: Parameters<Duties[Name]>): void {
    this.#worker.postMessage({ name, args });
  }

  /** True, or throws why it ended: for who waits for what it does meanwhile. */
  isWell(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return true;
  }

  /** Terminates the worker, whatever it is doing; its thread is gone when this returns. */
  async end(): Promise<void> {
    await bounded(this.#worker.terminate(), "the end of a worker");
  }
}

/** Starts workers one after the other, lends them, and ends them however the work ends. */
export async function withHands(count: number, work: (...hands: Hand[]) => Promise<void>): Promise<void> {
  const hands: Hand[] = [];
  try {
    for (let i = 0; i < count; i++) hands.push(await Hand.start());
    await work(...hands);
  } finally {
    for (const hand of hands) await hand.end();
  }
}

/** Waits until `holds`. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not true after ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function bounded<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
