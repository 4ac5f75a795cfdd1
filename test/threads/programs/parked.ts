/**
 * Program: workers stand still before one store of an operation each, and are terminated there.
 *
 *   parked.ts OPERATION EACH STRIDE
 *
 * The workers are real, and so are their heaps and deaths. The first EACH stores are tried one by one, beyond them one
 * in STRIDE, from a place of chance on. After each death the main thread looks at all that the worker held, takes its heap
 * over, and hands out and takes back what is in it.
 */

import { heap } from "../../../src/api/malloc.js";
import * as lib from "../../../src/index.js";
import { CHUNK_BYTES, CHUNK_WORDS, CONTROL_CHUNKS, Control } from "../../../src/memory/control.js";
import { vacantChunks } from "../../../src/space/vacant.js";
import { tell } from "../../hazards/programs/proc.js";
import { adopt } from "../../support/adopt.js";
import { Random, testSeed } from "../../support/seed.js";
import { announce, awaitChange, left, type Member, start, terminate } from "./crew.js";
import { type Operation, operations, PASSED } from "./parked-operations.js";
import { type Part, State, WORDS, Word } from "./parked-part.js";
import { Slots } from "./slots.js";
import { Stamps, verdict } from "./stamps.js";

const MOST_STORES = 100_000;
const HELD = 1024;
/** Workers load at the same time. */
const TOGETHER = 3;
/** How far the one gets that dies first. */
const FIRST_AT = 40;
const REFILL = [40, 200, 1000, 5000, 24] as const;

interface Victim extends Member<never> {
  readonly part: Part;
  /** Blocks of the main thread's that it was given. */
  readonly blocks: readonly lib.Pointer[];
}

/** What the deaths were like. */
interface Deaths {
  deaths: number;
  /** Stores of the operation, when it came to its end. */
  stores: number;
  /** Blocks left to nobody, at most, in one death. */
  lost: number;
}

export interface Found extends Deaths {
  /** How the process took address space meanwhile. */
  opened: number;
  extended: number;
}

class Stage {
  readonly found: Deaths = { deaths: 0, stores: 0, lost: 0 };
  readonly #name: string;
  readonly #operation: Operation;
  readonly #seed: number;
  readonly #stamps: Stamps;
  readonly #random: Random;
  readonly #waiting: Victim[] = [];
  /** For each of them one that dies before it, where the operation says so. */
  readonly #first: Victim[] = [];
  #rival: Member<never> | null = null;
  /** Chunks that belong to nobody. */
  #skipped = 0;
  readonly #rivalWords = new Int32Array(new SharedArrayBuffer(WORDS * 4));

  constructor(name: string) {
    this.#name = name;
    this.#operation = operations[name]!;
    this.#seed = testSeed(`parked, ${name}`);
    this.#stamps = new Stamps(lib, this.#seed);
    this.#random = new Random(this.#seed);
  }

  async run(each: number, stride: number): Promise<void> {
    if (this.#operation.contended) await this.#startRival();
    const shift = this.#random.int(0, stride - 1);
    for (let at = 0; ; at += at < each ? 1 : stride) {
      if (at === each) at += shift;
      if (at >= MOST_STORES) throw new Error("the operation does not come to an end");
      try {
        if (!(await this.#attempt(at))) break;
      } catch (error) {
        throw new Error(`before store ${at}: ${(error as Error).stack}`);
      }
      this.found.deaths++;
    }
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.#tellRival(State.loading); // so that it has no block in hand
    if (this.#rival !== null) await terminate(this.#rival);
    const rest = [...this.#waiting.splice(0), ...this.#first.splice(0)];
    for (const victim of rest) {
      await terminate(victim);
      this.#clear(new Slots(victim.part.passed));
    }
    this.#verify(rest);
    verdict(lib);
  }

  /** Whether the operation has that many stores. */
  async #attempt(at: number): Promise<boolean> {
    if (this.#waiting.length === 0) await this.#fill();
    const dead: Victim[] = [];
    if (this.#first.length > 0) {
      takeOverAll(); // what the first leaves is then all that nobody has
      dead.push(this.#first.shift()!);
      await this.#kill(dead[0]!, this.#random.int(0, FIRST_AT));
    }
    dead.push(this.#waiting.shift()!);
    const died = await this.#kill(dead.at(-1)!, at);
    await this.#tellRival(State.loading);
    this.#verify(dead);
    await this.#tellRival(State.go);
    return died;
  }

  async #fill(): Promise<void> {
    const { after, hemmedIn } = this.#operation;
    for (let i = 0; i < (hemmedIn === false ? 1 : TOGETHER); i++) {
      this.#waiting.push(this.#start(this.#name));
      if (after !== undefined) this.#first.push(this.#start(this.#random.pick(after)));
    }
    for (const victim of [...this.#waiting, ...this.#first]) await ready(victim);
  }

  #start(name: string): Victim {
    const part: Part = {
      name,
      words: new SharedArrayBuffer(WORDS * 4),
      held: Slots.memory(HELD),
      inHand: Slots.memory(HELD),
      passed: Slots.memory(PASSED + 4),
      seed: this.#seed,
    };
    const toWorker = operations[name]!.passes === "to worker";
    const blocks = Array.from({ length: toWorker ? PASSED : 0 }, () => this.#make(64));
    for (const [i, pointer] of blocks.entries()) new Slots(part.passed).swap(i, pointer);
    const member = start<never>(new URL("./parked-victim.js", import.meta.url), part);
    return { ...member, part, blocks };
  }

  /** Whether it died; false when the operation has fewer stores. */
  async #kill(victim: Victim, at: number): Promise<boolean> {
    await ready(victim);
    const words = new Int32Array(victim.part.words);
    if (operations[victim.part.name]!.passes === "to main") this.#clear(new Slots(victim.part.passed));
    // As if a thread had the next chunk that never does anything with it.
    if (operations[victim.part.name]!.hemmedIn === true) {
      heap.words[Control.nextChunk]!++;
      this.#skipped++;
    }
    heap.outbox.flush();
    Atomics.store(words, Word.at, at);
    announce(words, Word.state, State.go);
    // Not in the event loop: a timer of the library's would wait there for the lock that the victim may stand still with.
    awaitChange(words, Word.state, State.go);
    const state = Atomics.load(words, Word.state);
    await terminate(victim);
    if (state === State.done) this.found.stores = Atomics.load(words, Word.stores);
    if (this.#rival !== null)
      await left(this.#rivalWords, Word.stores, Atomics.load(this.#rivalWords, Word.stores));
    return state === State.parked;
  }

  async #startRival(): Promise<void> {
    const words = this.#rivalWords;
    this.#rival = start<never>(new URL("./parked-rival.js", import.meta.url), { words: words.buffer });
    await left(words, Word.state, State.loading);
    announce(words, Word.state, State.go);
  }

  /** The rival waits while the blocks are counted. */
  async #tellRival(state: number): Promise<void> {
    if (this.#rival === null) return;
    announce(this.#rivalWords, Word.state, state);
    await left(this.#rivalWords, Word.state, State.loading);
  }

  /** What the dead held is whole, their heaps can be taken over and used, and what is left to nobody is little. */
  #verify(dead: readonly Victim[]): void {
    lib.check();
    takeOverAll();
    lib.check();
    for (const { part } of dead) this.#look(new Slots(part.held));
    this.#refill();
    for (const { part } of dead) this.#clear(new Slots(part.held));
    lib.trim();
    this.#clearLost(dead);
    lib.check();
    const vacant = vacantChunks(heap.words);
    if (chunksTaken() !== chunksInSegments() + vacant + this.#skipped) {
      throw new Error(
        `of ${chunksTaken()} chunks, ${chunksInSegments()} are in segments and ${vacant} vacant`,
      );
    }
    const others = heap.others!;
    for (const taken of [...others.heaps]) others.abandon(taken);
  }

  #look(slots: Slots): void {
    for (let i = 0; i < slots.length; i++) {
      const pointer = slots.peek(i);
      if (pointer !== lib.NULL) this.#stamps.verify(pointer);
    }
  }

  #clear(slots: Slots): void {
    for (let i = 0; i < slots.length; i++) this.#free(slots.swap(i, lib.NULL));
  }

  /** All heaps hand out what they have: nothing that is held may be among it. */
  #refill(): void {
    const got: lib.Pointer[] = [];
    for (const of of [heap, ...heap.others!.heaps]) {
      for (const size of REFILL) {
        for (let i = 0; i < 60; i++) {
          const pointer = of.allocateWithin(size);
          if (pointer === lib.NULL) break;
          this.#stamps.write(pointer, size, this.#random);
          got.push(pointer);
        }
      }
    }
    for (const pointer of got) this.#free(pointer);
  }

  #make(size: number): lib.Pointer {
    const pointer = lib.malloc(size);
    this.#stamps.write(pointer, size, this.#random);
    return pointer;
  }

  #free(pointer: lib.Pointer): void {
    if (pointer === lib.NULL) return;
    this.#stamps.verify(pointer);
    lib.free(pointer);
  }

  /** Blocks that nobody holds are few, none is on its way for ever, and each can be freed. */
  #clearLost(dead: readonly Victim[]): void {
    const others = new Set<lib.Pointer>();
    for (const { part, blocks } of [...this.#waiting, ...this.#first]) {
      for (const pointer of blocks) others.add(pointer);
      for (const slots of [part.held, part.inHand, part.passed].map((shared) => new Slots(shared))) {
        for (let i = 0; i < slots.length; i++) others.add(slots.peek(i));
      }
    }
    const found = [...lib.walk()].filter(({ pointer }) => !others.has(pointer));
    const underway = found.filter(({ state }) => state === "remote").length;
    if (underway > 0) throw new Error(`${underway} blocks are on their way for ever`);
    const lost = found.filter(({ state }) => state === "live" || state === "mapped");
    const most = dead.reduce((sum, { part }) => sum + operations[part.name]!.lost, 0);
    if (lost.length > most) throw new Error(`${lost.length} blocks were lost, of at most ${most}`);
    this.found.lost = Math.max(this.found.lost, lost.length);
    for (const { pointer } of lost) lib.free(pointer);
  }
}

function chunksTaken(): number {
  const m = heap.words;
  const aboveLow = (m[Control.lowLimit]! * m[Control.pageSize]!) / CHUNK_BYTES; // from there on they are mapped
  const fromMmap = m[Control.nextMapped]! - Math.max(CONTROL_CHUNKS, m[Control.breakChunks]!, aboveLow);
  return m[Control.nextChunk]! - CONTROL_CHUNKS + fromMmap;
}

function chunksInSegments(): number {
  const { segments } = heap.wilderness;
  let words = 0;
  for (const id of segments.used()) words += segments.end(id) - segments.chunkStart(id);
  return words / CHUNK_WORDS;
}

function takeOverAll(): void {
  while (adopt(heap) !== null) {}
}

async function ready({ part, said }: Victim): Promise<void> {
  const loaded = left(new Int32Array(part.words), Word.state, State.loading);
  await Promise.race([loaded, said]);
}

const [name, each, stride] = process.argv.slice(2);
const stage = new Stage(name!);
await stage.run(Number(each), Number(stride));
const { grows, segments } = lib.stats();
tell({ ...stage.found, opened: segments, extended: grows - segments } satisfies Found);
