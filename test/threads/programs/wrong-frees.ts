/**
 * Program: blocks freed twice, by two threads.
 *
 *   wrong-frees.ts SCENE
 *
 * Each scene tells the codes of the errors it got. Blocks that nobody frees lie between the others, and must be whole.
 */
import { isMainThread, parentPort } from "node:worker_threads";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { finish, given, Meeting, start } from "./crew.js";
import { Slots } from "./slots.js";
import { LEAST, Stamps, verdict } from "./stamps.js";

/** Two threads free so many at once before they meet again. */
const STEP = 2;
const AT_ONCE = 20_000;
const SEVERAL = 60;
/** Sizes that no list caches, and fewer of them. */
const LARGER_THAN_CACHED = [9209, 20_000] as const;
const LARGER_AT_ONCE = 5000;

interface Task {
  readonly play: keyof typeof plays;
  readonly meeting: SharedArrayBuffer;
  readonly parties: number;
  readonly blocks: SharedArrayBuffer;
}

type Codes = Record<string, number>;

/** Frees, and counts how that ended: by the error's code, or as "freed". */
function tryFree(pointer: lib.Pointer, codes: Codes): void {
  let how = "freed";
  try {
    lib.free(pointer);
  } catch (error) {
    how = String((error as { code?: string }).code ?? error);
  }
  codes[how] = (codes[how] ?? 0) + 1;
}

/** What workers do. */
const plays = {
  /** Frees all blocks, while others do the same; then trims, so that freed neighbours are coalesced. */
  freeAll(task: Task): Codes {
    const codes = plays.free(task);
    lib.trim();
    lib.check();
    return codes;
  },

  /** Frees all blocks, while others do the same. */
  free({ blocks, meeting, parties }: Task): Codes {
    const slots = new Slots(blocks);
    const all = new Meeting(meeting, parties);
    const codes: Codes = {};
    for (let i = 0; i < slots.length; i++) {
      if (i % STEP === 0) all.meet();
      tryFree(slots.peek(i), codes);
    }
    return codes;
  },

  /** Makes blocks and ends; every second one is free then. */
  leave({ blocks }: Task): Codes {
    const slots = new Slots(blocks);
    const scene = new Scene();
    for (let i = 0; i < slots.length; i++) slots.swap(i, scene.make());
    for (let i = 0; i < slots.length; i += 2) lib.free(slots.peek(i));
    return {};
  },
} as const;

function workers(play: keyof typeof plays, blocks: SharedArrayBuffer, parties = 1): Promise<Codes[]> {
  const task: Task = { play, meeting: Meeting.memory(), parties, blocks };
  return finish(Array.from({ length: parties }, () => start<Codes>(import.meta.url, task)));
}

/** Small ones, joined ones, and mappings. */
class Scene {
  readonly #random: Random;
  readonly #stamps: Stamps;
  readonly #others: lib.Pointer[] = [];

  readonly #sizes: readonly [least: number, most: number];

  constructor(seed = 1, sizes: readonly [number, number] = [LEAST, 6000]) {
    this.#sizes = sizes;
    this.#random = new Random(seed);
    this.#stamps = new Stamps(lib, seed);
  }

  make(): lib.Pointer {
    const random = this.#random;
    const size = random.chance(0.02) ? random.int(132_000, 200_000) : random.spread(...this.#sizes);
    const pointer = lib.malloc(size);
    this.#stamps.write(pointer, size, random);
    return pointer;
  }

  /** Blocks to be freed, with others between them that stay. */
  fill(count: number): SharedArrayBuffer {
    const memory = Slots.memory(count);
    const slots = new Slots(memory);
    for (let i = 0; i < count; i++) {
      slots.swap(i, this.make());
      if (i % 3 === 0) this.#others.push(this.make());
    }
    return memory;
  }

  /** Takes back what came, uses it again, and looks at the blocks that nobody freed. */
  close(): void {
    lib.check();
    lib.trim();
    const again = Array.from({ length: 2000 }, () => this.make());
    for (const pointer of [...this.#others, ...again]) this.#stamps.verify(pointer);
    for (const pointer of [...this.#others, ...again]) lib.free(pointer);
    verdict(lib);
  }
}

const scenes = {
  /** Two threads free each block of a third at the same time. */
  async "at once"() {
    const scene = new Scene(testSeed("wrong frees at once"));
    const codes = await workers("freeAll", scene.fill(AT_ONCE), 2);
    scene.close();
    return { codes, blocks: AT_ONCE };
  },

  /** The owner and another thread free each block at the same time; none of them goes to the cache. */
  async "with the owner"() {
    const scene = new Scene(testSeed("wrong frees with the owner"), LARGER_THAN_CACHED);
    const task: Task = {
      play: "freeAll",
      meeting: Meeting.memory(),
      parties: 2,
      blocks: scene.fill(LARGER_AT_ONCE),
    };
    const other = finish([start<Codes>(import.meta.url, task)]);
    const own = plays.freeAll(task);
    const codes = [own, (await other)[0]!];
    scene.close();
    return { codes, blocks: LARGER_AT_ONCE };
  },

  /** The owner frees what another thread freed before, both while it is on its way and when it is back. */
  async "owner after other"() {
    const scene = new Scene();
    const blocks = scene.fill(SEVERAL);
    const codes: Codes = {};
    await workers("free", blocks);
    for (let i = 0; i < SEVERAL; i++) tryFree(new Slots(blocks).peek(i), codes);
    for (let i = 0; i < SEVERAL; i++) {
      expectWrong(() => lib.realloc(new Slots(blocks).peek(i), 50));
      expectWrong(() => lib.usableSize(new Slots(blocks).peek(i)));
    }
    scene.close();
    return { codes };
  },

  /** The owner frees what another thread freed, and gave back to the kernel as far as it lay together. */
  async "owner after another one that trimmed"() {
    const scene = new Scene();
    const blocks = scene.fill(SEVERAL);
    const codes: Codes = {};
    await workers("freeAll", blocks);
    for (let i = 0; i < SEVERAL; i++) tryFree(new Slots(blocks).peek(i), codes);
    scene.close();
    return { codes };
  },

  /** Another thread frees what its owner freed before. */
  async "other after owner"() {
    const scene = new Scene();
    const blocks = scene.fill(SEVERAL);
    for (let i = 0; i < SEVERAL; i++) lib.free(new Slots(blocks).peek(i));
    const [codes] = await workers("freeAll", blocks);
    scene.close();
    return { codes };
  },

  /** Blocks of a thread that ended: live ones can be freed once, by whoever has them. */
  async "of the dead"() {
    const scene = new Scene();
    const blocks = Slots.memory(SEVERAL);
    await workers("leave", blocks);
    const [first, second]: [Codes, Codes] = [{}, {}];
    for (let i = 0; i < SEVERAL; i++) tryFree(new Slots(blocks).peek(i), first);
    for (let i = 0; i < SEVERAL; i++) tryFree(new Slots(blocks).peek(i), second);
    lib.check();
    const later: Codes = {};
    lib.trim(); // joins them: what was the start of a block need not be one any more
    for (let i = 0; i < SEVERAL; i++) tryFree(new Slots(blocks).peek(i), later);
    scene.close();
    return { first, second, later };
  },
} as const;

function expectWrong(work: () => void): void {
  const codes: Codes = {};
  try {
    work();
  } catch (error) {
    codes[(error as lib.HeapError).code] = 1;
  }
  if (codes.ERR_DOUBLE_FREE !== 1)
    throw new Error(`a freed block was taken for a live one: ${JSON.stringify(codes)}`);
}

if (isMainThread) tell(await scenes[process.argv[2] as keyof typeof scenes]());
else {
  const task = given<Task>();
  parentPort!.postMessage(plays[task.play](task));
}
