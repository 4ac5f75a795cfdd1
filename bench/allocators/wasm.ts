/**
 * A malloc compiled to WebAssembly: the one that emscripten put into sql.js, which exports its malloc and free. Blocks
 * are offsets in the memory of the module. Its realloc is not exported: a resize is a new block and a copy.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Allocator, PAGE } from "./allocator.js";

interface SqlJs {
  _malloc(bytes: number): number;
  _free(block: number): void;
}

/** Of WebAssembly, which the types of Node leave to those of browsers, what is needed here. */
interface Instance {
  readonly exports: Readonly<Record<string, unknown>>;
}

interface Memory {
  /** Another one after the memory has grown. */
  readonly buffer: ArrayBuffer;
}

interface WebAssemblyApi {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => Instance;
  readonly Memory: new (...args: never[]) => Memory;
}

/** What emscripten's modules accept to be instantiated by somebody else. */
type Instantiate = (imports: object, done: (instance: Instance, module: object) => void) => object;

const wasm = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
const pageSize = PAGE;

export async function createWasm(): Promise<Allocator> {
  const require = createRequire(import.meta.url);
  const initialize = require("sql.js") as (options: { instantiateWasm: Instantiate }) => Promise<SqlJs>;
  const code = new wasm.Module(readFileSync(require.resolve("sql.js/dist/sql-wasm.wasm")));
  let memory: Memory | undefined;
  const { _malloc, _free } = await initialize({
    instantiateWasm(imports, done) {
      const instance = new wasm.Instance(code, imports);
      memory = Object.values(instance.exports).find((item): item is Memory => item instanceof wasm.Memory);
      done(instance, code);
      return instance.exports;
    },
  });
  if (memory === undefined) throw new Error("sql.js exports no memory");
  return allocatorOver(memory, _malloc, _free);
}

function allocatorOver(
  memory: Memory,
  malloc: (bytes: number) => number,
  free: (block: number) => void,
): Allocator {
  let bytesOf = new Uint8Array(memory.buffer);
  /** A view is cut off from the memory when that grows. */
  const view = () => {
    if (bytesOf.length === 0) bytesOf = new Uint8Array(memory.buffer);
    return bytesOf;
  };
  return {
    none: 0,
    malloc,
    free,
    calloc(bytes: number): number {
      const block = malloc(bytes);
      view().fill(0, block, block + bytes);
      return block;
    },
    realloc(block: number, oldBytes: number, bytes: number): number {
      const moved = malloc(bytes);
      view().copyWithin(moved, block, block + Math.min(oldBytes, bytes));
      free(block);
      return moved;
    },
    touch: (block: number, at: number) => {
      view()[block + at] = 1;
    },
    populate(block: number, from: number, to: number): void {
      const bytes = view();
      for (let at = block + from; at < block + to; at += pageSize) bytes[at] = 1;
      bytes[block + to - 1] = 1;
    },
    table: (length: number) => new Float64Array(length),
  };
}
