/**
 * One, two and more workers at once: what an operation costs, who freed, and what goes back in the end.
 */
import { availableParallelism } from "node:os";
import { stats, trim } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { type Hand, until, withHands } from "./crew.js";
import { newMailbox } from "./mailbox.js";
import { Meeting, newMeeting } from "./meeting.js";
import { count, line, mebibytes, plural, say, table } from "./page.js";
import { same, verify } from "./proof.js";

const MOST_WORKERS = 4;
/** Of each worker in a round. */
const OPERATIONS = 80_000;
const WARM_UP_ROUNDS = 2;
/** Of each kind; the fastest is shown. */
const ROUNDS = 3;
/** The old blocks that a worker passes on go to itself, or to the next one. */
const KINDS = { itself: 0, next: 1 } as const;
/** Pointers on their way from one worker to the next, at most. */
const ON_THEIR_WAY = 8192;

interface Row {
  readonly workers: number;
  /** When all blocks stay where they were made, and when some go to the next worker. */
  readonly itself: number;
  readonly next: number;
  readonly frees: number;
  readonly remote: number;
  readonly returned: number;
}

export const severalWorkers: Chapter = {
  title: "One worker, two, and more",
  async run() {
    say(
      "Each worker has 4,096 slots. An operation replaces the block in a random one: malloc of 8 to 516 bytes, " +
        "first and last word written; the old block verified and freed. Every fourth of them goes through a " +
        "mailbox first, if that has room: to the worker itself, or to the next one, which verifies and frees it.",
    );
    const rows: Row[] = [];
    await withHands(MOST_WORKERS, async (...hands) => {
      await warmUp(hands);
      for (let workers = 1; workers <= MOST_WORKERS; workers++) {
        rows.push(await measure(hands.slice(0, workers)));
      }
    });
    table(HEADINGS, rows.map(cells));
    line();
    tell(rows);
  },
};

/** V8 compiles meanwhile; nothing of it is counted. */
async function warmUp(hands: readonly Hand[]): Promise<void> {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    await exchange(hands, round, KINDS.next);
    for (const hand of hands) await hand.ask("settle");
  }
  await giveBack(hands);
}

async function measure(hands: readonly Hand[]): Promise<Row> {
  const before = stats();
  const fastest = { itself: Number.POSITIVE_INFINITY, next: Number.POSITIVE_INFINITY };
  let frees = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of ["itself", "next"] as const) {
      const remoteBefore = stats().remoteFrees;
      const ns = (await exchange(hands, round, KINDS[kind])) / OPERATIONS;
      fastest[kind] = Math.min(fastest[kind], ns);
      for (const hand of hands) frees += await hand.ask("settle");
      same("blocks in use after a round", stats().blocks, 0);
      const crossed = stats().remoteFrees > remoteBefore;
      verify(crossed === (kind === "next" && hands.length > 1), "only what was handed on is a remote free");
    }
  }
  same("blocks freed", frees, 2 * ROUNDS * OPERATIONS * hands.length);
  const remote = stats().remoteFrees - before.remoteFrees;
  return { workers: hands.length, ...fastest, frees, remote, returned: await giveBack(hands) };
}

/** A round; ns from the common start to the end of the last one. */
async function exchange(hands: readonly Hand[], round: number, distance: number): Promise<number> {
  const mailboxes = hands.map(() => newMailbox(ON_THEIR_WAY));
  const meeting = newMeeting();
  const ends = Promise.all(
    hands.map((hand, index) =>
      hand.ask("exchange", {
        operations: OPERATIONS,
        seed: round * MOST_WORKERS + index + 1,
        inbox: mailboxes[index]!,
        outbox: mailboxes[(index + distance) % hands.length]!,
        meeting,
      }),
    ),
  );
  let failed = false;
  ends.catch(() => (failed = true)); // and thrown below
  const words = new Int32Array(meeting);
  await until("all are ready", () => failed || Atomics.load(words, Meeting.ready) === hands.length);
  const start = Number(process.hrtime.bigint());
  Atomics.store(words, Meeting.go, 1);
  Atomics.notify(words, Meeting.go);
  return Math.max(...(await ends)) - start;
}

/** Bytes that the workers give back; what one sends off at its first trim() its owner takes back at the second. */
async function giveBack(hands: readonly Hand[]): Promise<number> {
  const before = stats();
  let told = 0;
  for (const hand of [...hands, ...hands]) told += await hand.ask("trim");
  const { footprint, cached, remote } = stats();
  for (const figure of [cached, remote]) same("freed bytes that wait", figure, 0);
  const returned = before.footprint - footprint;
  verify(told > 0 && returned >= told, "what trim() gave back is footprint no more");
  return returned;
}

const HEADINGS = [
  "workers",
  " ns, own blocks",
  " ns, a quarter handed on",
  " frees by owner",
  " by another",
  " memory returned",
];

function cells({ workers, itself, next, frees, remote, returned }: Row): string[] {
  return [
    String(workers),
    itself.toFixed(1),
    next.toFixed(1),
    count(frees - remote),
    count(remote),
    mebibytes(returned),
  ];
}

function tell(rows: readonly Row[]): void {
  const frees = rows.reduce((sum, row) => sum + row.frees, 0);
  const returned = rows.reduce((sum, row) => sum + row.returned, 0);
  const { threads, orphans } = stats();
  same("threads with a heap", threads, 1);
  verify(orphans >= MOST_WORKERS, "the heaps of the workers have no thread");
  say(
    `Nanoseconds per operation, verifying included: the fastest of ${ROUNDS} rounds, measured on ` +
      `${plural(availableParallelism(), "core")}; with more workers than cores each gets a part of one. A block ` +
      "that is handed on must also be fetched by another core, and sent back. The memory is what trim() in each " +
      "worker gave back to the kernel.",
  );
  trim();
  const { blocks, allocated, cached, remote, footprint } = stats();
  for (const figure of [blocks, allocated, cached, remote]) same("what is left", figure, 0);
  say(
    `In all ${count(frees)} blocks were verified and freed, and ${mebibytes(returned)} given back. The workers ` +
      `have ended. Their ${orphans} heaps wait for other threads, all of them empty: the footprint is ` +
      `${mebibytes(footprint)}.`,
  );
}
