/**
 * What is noted of live blocks: where and when each was allocated, and by whom.
 *
 * Owns the picture of the notes in memory. They lie in blocks of the heap itself, so they outlive the thread that wrote them, and
 * every thread can read them all. Must not know how a stack is captured, or what reports look like.
 *
 *   internals.firstNote() -> thread -> thread -> …     one for each thread that ever took part, newest first
 *
 *   thread   +0 next   +8 its chunks   +16 its number as thread.id gives it   +24 Node's number of it   +32 its script, a C string
 *   chunk    +0 next   +8 entries …                    never freed: another thread may be reading it
 *   entry    +0 block  +8 bytes   +16 born   +24 stack, a C string   +32 kept          block is 0 while it is not used
 *
 * All of them are doubles, which are written and read as a whole. Only its own thread writes an entry, but for `kept`.
 *
 * Notes are remarks and no more: what lives is for the headers of the blocks to say. A block that another thread frees keeps its
 * entry, until its own thread allocates at that address again; a block whose heap was taken over gets one of its new thread, and the
 * one that was born last counts. So no thread ever waits for another, and the entries of a thread are as many as it had blocks at
 * once.
 */
import { threadId } from "node:worker_threads";
import { calloc, cstring, internals, type Pointer, read, readCString, thread, write } from "../index.js";

const THREAD_BYTES = 40;
const NEXT = 0;
const CHUNKS = 8;
const CLAIM = 16;
const NUMBER = 24;
const SCRIPT = 32;

const ENTRIES = 200;
const ENTRY_BYTES = 40;
const FIRST_ENTRY = 8;
const CHUNK_BYTES = FIRST_ENTRY + ENTRIES * ENTRY_BYTES;
const BLOCK = 0;
const BYTES = 8;
const BORN = 16;
const STACK = 24;
const IS_KEPT = 32;

/** A thread that took part. */
export interface NotedThread {
  /** Node's number of it; 0 is the main thread. */
  readonly id: number;
  /** The file that it runs. */
  readonly script: string;
  readonly isAlive: boolean;
}

/** A live block. */
export interface Note {
  readonly pointer: Pointer;
  /** As they were requested. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly born: number;
  /** What was given to stack() for it. */
  readonly stack: string;
  readonly isKept: boolean;
  readonly thread: NotedThread;
}

/** Milliseconds since 1970, with fractions. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** The notes of the calling thread. */
export class ThreadNotes {
  readonly #thread: Pointer;
  readonly #entries = new Map<number, Pointer>();
  #unused: Pointer[] = [];

  constructor() {
    this.#thread = calloc(1, THREAD_BYTES);
    write.f64(this.#thread, thread.id, CLAIM);
    write.f64(this.#thread, threadId, NUMBER);
    write.f64(this.#thread, cstring(process.argv[1] ?? ""), SCRIPT);
    let first: Pointer;
    do {
      first = internals.firstNote();
      write.f64(this.#thread, first, NEXT);
    } while (!internals.noteFirst(first, this.#thread));
  }

  /** A place for a stack, for born(); it is never freed. */
  stack(text: string): Pointer {
    return cstring(text);
  }

  born(block: number, bytes: number, stack: Pointer): void {
    const entry = this.#entries.get(block) ?? this.#unused.pop() ?? this.#more();
    write.f64(entry, 0, BLOCK);
    write.f64(entry, bytes, BYTES);
    write.f64(entry, now(), BORN);
    write.f64(entry, stack, STACK);
    write.f64(entry, 0, IS_KEPT);
    write.f64(entry, block, BLOCK);
    this.#entries.set(block, entry);
  }

  died(block: number): void {
    const entry = this.#entries.get(block);
    if (entry === undefined) return;
    write.f64(entry, 0, BLOCK);
    this.#entries.delete(block);
    this.#unused.push(entry);
  }

  /** Forgets all. */
  clear(): void {
    for (const block of [...this.#entries.keys()]) this.died(block);
  }

  #more(): Pointer {
    const chunk = calloc(1, CHUNK_BYTES);
    write.f64(chunk, read.f64(this.#thread, CHUNKS), NEXT);
    write.f64(this.#thread, chunk, CHUNKS);
    for (let i = ENTRIES - 1; i > 0; i--) this.#unused.push(entryIn(chunk, i));
    return entryIn(chunk, 0);
  }
}

/** Notes of all blocks that are live, of all threads. Of threads that run meanwhile, as of slightly different moments. */
export function liveNotes(): Iterable<Note> {
  const newest = new Map<number, Note>();
  const texts = new Map<number, string>();
  for (const { notes, who } of threads()) {
    for (const entry of entriesOf(notes)) {
      const pointer = read.f64(entry, BLOCK) as Pointer;
      if (pointer === 0) continue;
      const born = read.f64(entry, BORN);
      if ((newest.get(pointer)?.born ?? 0) > born || internals.liveBytes(pointer) < 0) continue;
      const bytes = read.f64(entry, BYTES);
      const stack = textAt(texts, read.f64(entry, STACK));
      const isKept = read.f64(entry, IS_KEPT) !== 0;
      newest.set(pointer, { pointer, bytes, born, stack, isKept, thread: who });
    }
  }
  return newest.values();
}

/** Marks a block as kept on purpose; false when nothing is noted of it. */
export function keepNote(block: number): boolean {
  let newest = 0 as Pointer;
  for (const { notes } of threads()) {
    for (const entry of entriesOf(notes)) {
      if (read.f64(entry, BLOCK) !== block) continue;
      if (newest === 0 || read.f64(entry, BORN) > read.f64(newest, BORN)) newest = entry;
    }
  }
  if (newest !== 0) write.f64(newest, 1, IS_KEPT);
  return newest !== 0;
}

/** Bytes that the notes of all threads take, without the stacks. */
export function notesBytes(): number {
  let bytes = 0;
  for (const { notes } of threads()) {
    bytes += THREAD_BYTES;
    for (let c = chunksOf(notes); c !== 0; c = nextOf(c)) bytes += CHUNK_BYTES;
  }
  return bytes;
}

/** Whether the main thread takes part. */
export function hasMainThread(): boolean {
  return [...threads()].some(({ who }) => who.id === 0);
}

function* threads(): Generator<{ readonly notes: Pointer; readonly who: NotedThread }> {
  for (let notes = internals.firstNote(); notes !== 0; notes = nextOf(notes)) {
    const id = read.f64(notes, NUMBER);
    const script = readCString(read.f64(notes, SCRIPT) as Pointer);
    yield { notes, who: { id, script, isAlive: thread.isAlive(read.f64(notes, CLAIM)) } };
  }
}

function* entriesOf(notes: Pointer): Generator<Pointer> {
  for (let chunk = chunksOf(notes); chunk !== 0; chunk = nextOf(chunk)) {
    for (let i = 0; i < ENTRIES; i++) yield entryIn(chunk, i);
  }
}

function entryIn(chunk: Pointer, index: number): Pointer {
  return (chunk + FIRST_ENTRY + index * ENTRY_BYTES) as Pointer;
}

function chunksOf(notes: Pointer): Pointer {
  return read.f64(notes, CHUNKS) as Pointer;
}

function nextOf(notes: Pointer): Pointer {
  return read.f64(notes, NEXT) as Pointer;
}

function textAt(known: Map<number, string>, pointer: number): string {
  let text = known.get(pointer);
  if (text === undefined) {
    text = readCString(pointer as Pointer);
    known.set(pointer, text);
  }
  return text;
}
