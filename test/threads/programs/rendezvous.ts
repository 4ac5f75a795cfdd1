/**
 * Program: threads that load the library in some order, and whether they have one heap.
 *
 *   rendezvous.ts SCENE
 *
 * The library is not part of this program: each thread loads it when its scene says so.
 */
import { isMainThread, parentPort, SHARE_ENV, type WorkerOptions } from "node:worker_threads";
import { tell } from "../../hazards/programs/proc.js";
import { Random } from "../../support/seed.js";
import { finish, given, hear, Meeting, type Member, start, within } from "./crew.js";
import { Slots } from "./slots.js";
import { type Library, Stamps } from "./stamps.js";

type Pointer = ReturnType<Library["malloc"]>;

const SEED = 1;
const SIZE = 1000;
const MIB = 2 ** 20;

function load(folder = ""): Promise<Library> {
  return import(new URL(`../../../${folder}src/index.js`, import.meta.url).href) as Promise<Library>;
}

function make(lib: Library, size = SIZE): Pointer {
  const pointer = lib.malloc(size);
  new Stamps(lib, SEED).write(pointer, size, new Random(pointer));
  return pointer;
}

/** A block that another thread, or another copy of the library, made. */
function take(lib: Library, pointer: Pointer): void {
  new Stamps(lib, SEED).verify(pointer);
  lib.free(pointer);
}

/** The code of the error with which `work` ends; "" when it does not. */
function codeOf(work: () => void): string {
  try {
    work();
    return "";
  } catch (error) {
    return String((error as { code?: string }).code ?? error);
  }
}

/** Blocks of 100 KB until memory is out, in MiB; all are freed again. */
function room(lib: Library): number {
  const pointers: Pointer[] = [];
  const code = codeOf(() => {
    for (let i = 0; i < 10_000; i++) pointers.push(lib.malloc(100_000));
  });
  for (const pointer of pointers) lib.free(pointer);
  if (code !== "ERR_OUT_OF_MEMORY") throw new Error(`no limit was met: ${code}`);
  return (pointers.length * 100_000) / MIB;
}

interface Task {
  readonly play: keyof typeof plays;
  readonly shared: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly index: number;
  readonly parties: number;
}

function worker<T>(
  play: keyof typeof plays,
  more: Partial<Task> = {},
  env?: WorkerOptions["env"],
): Member<T> {
  const shared = Meeting.memory();
  const task = { play, shared, slots: Slots.memory(1), index: 0, parties: 1, ...more };
  return start<T>(import.meta.url, task, env);
}

/** What workers do. */
const plays = {
  /** Makes a block, tells of it, and frees the one it gets. */
  async trade(): Promise<void> {
    const lib = await load();
    parentPort!.postMessage(make(lib));
    const [theirs] = (await within(
      new Promise((resolve) => parentPort!.once("message", (message) => resolve([message]))),
      "a block",
    )) as [Pointer];
    take(lib, theirs);
    lib.check();
    parentPort!.postMessage(lib.stats().threads);
    parentPort!.unref();
  },

  /** Loads the library in the same moment as others, and frees a neighbour's block. */
  async join({ shared, slots, index, parties }: Task): Promise<void> {
    const meeting = new Meeting(shared, parties);
    const table = new Slots(slots);
    meeting.meet();
    const lib = await load();
    table.swap(index, make(lib));
    meeting.meet();
    const seen = lib.stats().threads;
    take(lib, table.swap((index + 1) % parties, lib.NULL));
    meeting.meet();
    lib.trim(); // sends the block home
    meeting.meet();
    lib.trim();
    lib.check();
    parentPort!.postMessage(seen);
  },

  /** A worker that starts a worker, and so on; the innermost block goes up to the main thread. */
  async nest({ index }: Task): Promise<void> {
    const lib = await load();
    if (index === 0) {
      parentPort!.postMessage([make(lib)]);
      return;
    }
    const inner = worker<Pointer[]>("nest", { index: index - 1 });
    const [pointers] = await finish([inner]);
    parentPort!.postMessage([...pointers!, make(lib)]);
  },

  async room(): Promise<void> {
    parentPort!.postMessage(room(await load()));
  },

  /** Changes a setting, then uses memory and tries again. */
  async configure(): Promise<void> {
    const lib = await load();
    const first = codeOf(() => lib.configure({ limit: 8 * MIB }));
    parentPort!.postMessage([first, make(lib)]);
  },

  async copies(): Promise<void> {
    parentPort!.postMessage(await useCopies());
  },
} as const;

/** Two copies of the library in this thread: each frees, resizes and reads what the other made. */
async function useCopies(): Promise<object> {
  const one = await load();
  const other = await load("copy/");
  if (one.malloc === other.malloc) throw new Error("they are one copy");
  const pointers = [one, other].map((lib) => [50, SIZE, 30_000, 500_000].map((size) => make(lib, size)));
  for (const pointer of pointers[0]!) take(other, pointer);
  for (const pointer of pointers[1]!) take(one, pointer);
  const code = codeOf(() => other.free(pointers[1]![2]!));
  const grown = other.realloc(make(one), 50_000);
  new Stamps(one, SEED).verify(grown);
  one.free(grown);
  one.check();
  other.check();
  const { threads, blocks } = one.stats();
  return { threads, blocks, same: JSON.stringify(one.stats()) === JSON.stringify(other.stats()), code };
}

/** What the main thread does. */
const scenes = {
  /** The worker is first, so the window is its. */
  async "worker first"() {
    const trader = worker<number>("trade");
    const theirs = await hear<Pointer>(trader);
    const lib = await load();
    take(lib, theirs);
    const mine = make(lib);
    const last = hear<number>(trader);
    trader.worker.postMessage(mine);
    const threads = await last;
    await within(trader.ended, "the worker to end");
    lib.trim();
    lib.check();
    return { threads, blocks: lib.stats().blocks };
  },

  /** Function pointers for C, which another look at the process comes before. */
  async native() {
    const lib = await load();
    const { malloc: pointer, blocks } = lib.nativeAllocator();
    return { pointer: pointer > 0, blocks };
  },

  async together() {
    const parties = 6;
    const [shared, slots] = [Meeting.memory(), Slots.memory(parties)];
    const crew = Array.from({ length: parties }, (_, index) =>
      worker<number>("join", { shared, slots, index, parties }),
    );
    const seen = await finish(crew);
    const lib = await load();
    lib.trim();
    lib.check();
    const { threads, blocks, allocated } = lib.stats();
    return { seen, threads, blocks, allocated };
  },

  async nested() {
    const [pointers] = await finish([worker<Pointer[]>("nest", { index: 3 })]);
    const lib = await load();
    for (const pointer of pointers!) take(lib, pointer);
    lib.trim();
    lib.check();
    return { blocks: lib.stats().blocks, levels: pointers!.length };
  },

  /** The environment of the first thread counts, whatever the others have. */
  async environments() {
    const rooms: number[] = [];
    const limits = ["8M", "64M", ""].map((limit) => ({ HEAPWRIGHT_LIMIT: limit }));
    const environments: Array<Required<WorkerOptions>["env"]> = [...limits, SHARE_ENV];
    for (const env of environments) {
      rooms.push(...(await finish([worker<number>("room", {}, env)])));
    }
    return { rooms: [...rooms, room(await load())] };
  },

  /** configure() counts for all threads, and comes too late for all once one of them has used memory. */
  async settings() {
    const lib = await load();
    const [[first, pointer]] = (await finish([worker("configure")])) as [[string, Pointer]];
    const late = codeOf(() => lib.configure({ limit: 64 * MIB }));
    take(lib, pointer);
    return { first, late, room: room(lib) };
  },

  async copies() {
    const mine = await useCopies();
    const theirs = await finish([worker<object>("copies")]);
    return { mine, theirs: theirs[0] };
  },
} as const;

if (isMainThread) tell(await scenes[process.argv[2] as keyof typeof scenes]());
else {
  const task = given<Task>();
  await plays[task.play](task);
}
