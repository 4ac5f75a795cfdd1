/**
 * A scene: a few named blocks, and a picture of the heap after each step.
 *
 * Owns the names and the layout of a step: the line of program, what it did to the figures, the picture.
 */
import type { Pointer } from "../../src/index.js";
import { code, line, plural } from "./page.js";
import { draw } from "./picture.js";
import { same, verify, watch } from "./proof.js";

/** How many splits and joins a step must cause; none if not given. */
interface Expected {
  readonly splits?: number | "some";
  readonly joins?: number | "some";
}

export class Scene {
  readonly #bytes: number;
  readonly #names = new Map<Pointer, string>();

  /** In its pictures `bytes` bytes fill the row. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** The block at `pointer` is shown under this name while it is in use. */
  name(name: string, pointer: Pointer): Pointer {
    this.#names.set(pointer, name);
    return pointer;
  }

  /** Does what the line of program says, verifies how often blocks were split and joined, and draws the heap. */
  step(program: string, { splits = 0, joins = 0 }: Expected, action: () => void): void {
    const did = watch(action);
    agree(`splits by ${program}`, did.splits, splits);
    agree(`joins by ${program}`, did.merges, joins);
    const told = [plural(did.splits, "split"), plural(did.merges, "join")];
    code(program, told.filter((text) => !text.startsWith("0")).join(", "));
    draw(this.#bytes, this.#names);
    line();
  }
}

function agree(what: string, is: number, expected: number | "some"): void {
  if (expected === "some") verify(is > 0, `${what} are none`);
  else same(what, is, expected);
}
