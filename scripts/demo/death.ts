/**
 * A worker is terminated in the middle of its work. Its blocks stay, its heap goes to the next worker.
 */
import { check, free, type Pointer, stats, trim, type WalkedBlock } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { type Member, start, until } from "./crew.js";
import { code, count, line, paint, plural, say } from "./page.js";
import { drawBlocks } from "./picture.js";
import { same, verify, verifyStamp } from "./proof.js";

const ROW = 36_000;
const SIZES = [3000, 2500, 3500, 3000, 2500, 3500] as const;
const NAMES = ["A", "B", "C", "D", "E", "F"] as const;
const ROUNDS = 100_000;

type Names = Map<Pointer, string>;

export const death: Chapter = {
  title: "A worker dies, and its heap lives on",
  async run() {
    const unlucky = start("worker 4");
    const pointers = await unlucky.ask("allocate", SIZES);
    const names: Names = new Map(pointers.map((pointer, index) => [pointer, NAMES[index]!]));
    say(
      "Another worker allocates six blocks, and the main thread gets their pointers. This is the worker's heap, as " +
        "the worker sees it:",
    );
    draw(await blocksOf(unlucky), names);
    await terminateInTheMiddle(unlucky);
    for (const [index, pointer] of pointers.entries()) {
      verifyStamp(NAMES[index]!, pointer, SIZES[index]!, index + 1);
    }
    say(
      "The kernel says so of a thread that ends, however it ends; nothing had to run in it. Its blocks are as they " +
        "were: the main thread compares every byte of the six, and frees two of them.",
    );
    const [b, e] = [pointers[1]!, pointers[4]!];
    code("free(B), free(E)");
    line();
    free(b);
    free(e);
    const kept = pointers.filter((pointer) => pointer !== b && pointer !== e);
    await inherit(kept, names);
    kept.forEach(free);
  },
};

async function terminateInTheMiddle(unlucky: Member): Promise<void> {
  say(
    "Then it allocates, resizes and frees without end, until it is terminated: at whatever instruction, without a " +
      "chance to put anything in order.",
  );
  const rounds = new SharedArrayBuffer(4);
  const words = new Int32Array(rounds);
  const { threads } = stats();
  unlucky.tell("toil", rounds);
  await until(words, 0, ROUNDS);
  await unlucky.terminate();
  const after = stats();
  same("threads with a heap", after.threads, threads - 1);
  same("heaps without a thread", after.orphans, 1);
  code("worker.terminate()", `in round ${count(words[0]!)}; its heap waits for somebody`);
  line();
  check();
}

/** A new worker gets the heap. `kept` is in use; all else becomes free again. */
async function inherit(kept: readonly Pointer[], names: Names): Promise<void> {
  const heir = start("worker 5");
  const found = await blocksOf(heir);
  same("heaps without a thread", stats().orphans, 0);
  const isLost = ({ pointer, state }: WalkedBlock) => state === "live" && !kept.includes(pointer);
  const lost = found.filter(isLost);
  for (const pointer of kept)
    verify(
      found.some((block) => block.pointer === pointer),
      "a kept block is in the heap",
    );
  say(
    "The next worker that starts takes the heap over: it finishes or undoes what was half done, and makes the lists " +
      "again from the headers. What it finds:",
  );
  draw(found, names);
  line(`${paint.remote("░░░░")}   freed by another thread, and on its way to the heap that it came from`);
  line();
  const freed = await heir.ask("freeAllBut", kept);
  same("the blocks that the dead worker had in its hands", freed, lost.length);
  say(
    `The dead worker had ${plural(freed, "block")} in its hands, whose pointers died with it. walk() finds them, so the ` +
      "new worker can free them. The main thread's trim() sends B and E home, the new worker's joins all that is free:",
  );
  trim();
  await heir.ask("trim");
  const [again] = await heir.ask("allocate", [SIZES[1]]);
  same("the new block", again!, found.find(({ pointer }) => names.get(pointer) === "B")!.pointer);
  names.set(again!, "new");
  draw(await blocksOf(heir), names);
  code(`malloc(${SIZES[1]}) in the new worker`, "the place of B");
  line();
  await heir.ask("free", [again!]);
  await heir.ask("check");
  check();
}

async function blocksOf(member: Member): Promise<WalkedBlock[]> {
  return (await member.ask("blocks")).filter(({ state }) => state !== "mapped");
}

function draw(blocks: readonly WalkedBlock[], names: Names): void {
  drawBlocks(blocks, ROW, names);
  line();
}
