/**
 * Where the kernel keeps no list of robust mutexes, as under a seccomp filter or in qemu-user: the end of a thread is
 * noticed all the same, or workers are refused with a sentence.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";
import type { Findings } from "./programs/terminations.js";

const MIB = 2 ** 20;
const TERMINATED = 30;
const THREADS = 30;
const WITHOUT_LIST = [process.execPath, fileURLToPath(compiled("without-list"))];
const EMPTY_PROC = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"];

function may(under: readonly string[]): boolean {
  return spawnSync(under[0]!, [...under.slice(1), "true"]).status === 0;
}

if (may(WITHOUT_LIST)) {
  test("workers are terminated, and nobody else notices", async () => {
    const { terminated } = await findings<Findings & Stats>(compiled("terminations"), {
      args: [String(TERMINATED)],
      under: WITHOUT_LIST,
    });
    assert.is(terminated, TERMINATED);
  });

  test("threads that come and go leave nothing behind", async () => {
    const found = await findings<Stats & { settled: number; last: number }>(compiled("generations"), {
      args: ["leak", String(THREADS)],
      under: WITHOUT_LIST,
    });
    assert.ok(found.last < found.settled + MIB, `from ${found.settled} to ${found.last} bytes`);
    assert.is(found.threads, 1);
    assert.ok(found.segments <= 4, `${found.segments} segments`);
  });

  test("threads take over the same heaps at once, and each heap goes to one", async () => {
    const { got, left } = await findings<{ got: number[]; left: number }>(compiled("takeover"), {
      args: ["3", "20"],
      under: WITHOUT_LIST,
    });
    const all = got.reduce((sum, heaps) => sum + heaps, 0);
    assert.ok(all > 20 && all <= 20 * left, `${all} heaps changed hands`);
  });

  test("for some threads only: the others are refused, and told why", async () => {
    const said = await findings<{ worker: string; main: number }>(compiled("refused-worker"), {
      args: ["later"],
    });
    assert.match(said.worker, /^ERR_UNSUPPORTED_PLATFORM: .*for some threads of this process/);
    assert.is(said.main, 1);
  });
} else process.stdout.write("skipped: the kernel takes no seccomp filter here\n");

if (may(WITHOUT_LIST) && may(EMPTY_PROC)) {
  test("where nothing tells whether a thread lives, workers are refused", async () => {
    const under = [...EMPTY_PROC, ...WITHOUT_LIST];
    const said = await findings<{ worker: string; main: number }>(compiled("refused-worker"), { under });
    assert.match(said.worker, /^ERR_UNSUPPORTED_PLATFORM: .*in no worker here/);
    assert.is(said.main, 1);
  });
} else process.stdout.write("skipped: without /proc (this user may not mount anything)\n");

test.run();
