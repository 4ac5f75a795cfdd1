/**
 * Wrong accesses, in a process that is being debugged: refused at once, or found when the block is freed.
 */
import type { HeapErrorCode } from "../../src/index.js";
import type { Chapter } from "./chapter.js";
import { code, line, refusal, say } from "./page.js";
import { Program } from "./program.js";
import { same, verify } from "./proof.js";

/** An error, as the program printed it. */
interface Printed {
  readonly code: string;
  readonly message: string;
}

interface Expected {
  readonly code: HeapErrorCode;
  /** What the message says of the access. */
  readonly says: string;
  /** Lines that the message must name, by what they say; they are the function's. */
  readonly lines: readonly string[];
}

export const wrongAccesses: Chapter = {
  title: "Wrong accesses are found",
  async run() {
    say(
      "Whoever holds an address can reach what is not theirs any more, or never was. At full speed nobody looks. " +
        "HEAPWRIGHT_DEBUG=1, or configure({ debug: true }), has each access looked at, and keeps freed blocks aside for a " +
        "while. This program runs with it, in a process of its own:",
    );
    const program = new Program("wrong-accesses.mjs");
    const { status, stdout, stderr } = await program.run("HEAPWRIGHT_DEBUG", "1");
    verify(stdout !== "", `the program ran to its end: ${stderr}`);
    const errors = JSON.parse(stdout) as Printed[];
    same("the number of wrong accesses that were found", errors.length, 3);
    const [freed, past, overrun] = errors as [Printed, Printed, Printed];
    line();
    tell(program, "readFreed", "read.u32(record)", freed, {
      code: "ERR_USE_AFTER_FREE",
      says: "in the block of 24 bytes",
      lines: ["record = malloc(24)", "free(record)"],
    });
    tell(program, "writePastTheEnd", "write.f64(point, 1.5, 16)", past, {
      code: "ERR_OUT_OF_BOUNDS",
      says: "past the end of the block of 20 bytes",
      lines: ["point = malloc(20)"],
    });
    say(
      "What C writes no one can stop, as this memset that is called through koffi. It is found when the block is freed " +
        "or resized, and by check():",
    );
    tell(program, "overrunInC", "memset(text, 0, 48)", overrun, {
      code: "ERR_HEAP_CORRUPT",
      says: "of 40 bytes",
      lines: ["text = malloc(40)"],
    });
    verify(
      overrun.message.includes("something wrote at its byte 40"),
      "the first byte past the end is named",
    );
    verify(
      stderr.startsWith(`heapwright: ${overrun.message}`),
      "the damage is told at the end of the process",
    );
    same("the exit code", status ?? -1, 1);
    say("The damage is told again when the process ends, and its exit code is 1: no test can miss it.");
  },
};

function tell(program: Program, name: string, access: string, error: Printed, expected: Expected): void {
  same(`the code of ${access}`, error.code, expected.code);
  verify(error.message.includes(expected.says), `${access} is told by its block`);
  for (const says of expected.lines)
    verify(error.message.includes(program.frame(name, says)), `${access} is told with the line of ${says}`);
  code(access, `line ${program.line(access).number}`);
  refusal(error.code, program.shortened(error.message));
}
