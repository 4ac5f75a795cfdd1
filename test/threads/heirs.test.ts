/** What a thread leaves when it ends is used by others: cleared where they ask for it, counted, and by all of them. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const program = new URL("./programs/heirs.ts", import.meta.url);

function scenario(name: string, verdict: (found: Record<string, number | boolean>) => void): void {
  test(name, async () => verdict(await findings(program, { args: [name] })));
}

scenario("calloc clears what an ended thread had written", ({ dirty, blocks }) => {
  assert.is(blocks, 40);
  assert.is(dirty, 0);
});
scenario("a mapping at the limit, while ended threads' heaps lie idle", ({ failed }) =>
  assert.is(failed, false),
);
scenario("an aligned block at the limit, from an ended thread's heap", ({ bytes }) =>
  assert.ok((bytes as number) > 13e6, `${bytes} bytes of 14 MiB`),
);
scenario("calls that fail leave ended threads' heaps to others", ({ segments, footprint }) => {
  assert.ok((segments as number) <= 3, `${segments} segments`);
  assert.ok((footprint as number) < 2e6, `${footprint} bytes`);
});

test.run();
