/**
 * Makes one module of the compiled library: the module IN and all it imports become OUT, which may be the same file, and is
 * CommonJS where its name ends in .cjs.
 *
 *   tsx scripts/bundle.ts IN OUT
 *
 * One module, because a worker that imports one for each file spends 15 ms on finding them. By rollup, which leaves a const a const:
 * V8 folds the value of a module's const into the code that uses it, and a bundler that turns them into vars (esbuild
 * does) doubles the price of malloc.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Plugin, rollup } from "rollup";
import { constants } from "./constants.js";

/** Returns the modules that it was made of. `imported`: a module that is not taken in but imported, and from where. */
export async function bundle(
  input: string,
  output: string,
  imported?: { readonly module: string; readonly path: string },
): Promise<readonly string[]> {
  const format = output.endsWith(".cjs") ? "cjs" : "es";
  const made = await rollup({
    input,
    external: (id) => id.startsWith("node:") || id === "koffi" || id === imported?.module,
    // What CommonJS has for import.meta.url, as far as createRequire() minds.
    plugins: [
      { name: "filename", resolveImportMeta: () => (format === "cjs" ? "__filename" : null) },
      compilersMaps,
      constants(),
      ...(format === "cjs" && imported !== undefined ? [loadedBefore(imported.path)] : []),
    ],
    onwarn(warning, report) {
      // What the compiler puts in for `using` asks for a `this`, which a module has not, before it does without.
      if (warning.code !== "THIS_IS_UNDEFINED") report(warning);
    },
  });
  const paths = imported === undefined ? {} : { [imported.module]: imported.path };
  const maps = { sourcemap: true, sourcemapPathTransform: inPackage };
  const { output: chunks } = await made.write({ file: output, format, paths, ...maps });
  await made.close();
  return chunks[0].moduleIds;
}

/** The map that the compiler wrote beside a module, if it did. */
const compilersMaps: Plugin = {
  name: "maps",
  load(id) {
    const map = `${id}.map`;
    return existsSync(map) ? { code: readFileSync(id, "utf8"), map: readFileSync(map, "utf8") } : null;
  },
};

/** Has a subpath that the library itself loads take that very copy of it: as an ES module, it cannot be required. */
function loadedBefore(path: string): Plugin {
  const required = `require('${path}')`;
  return {
    name: "loaded before",
    renderChunk: (code) => ({
      code: code.replace(required, `globalThis[Symbol.for("heapwright.loaded")] ?? ${required}`),
      map: null,
    }),
  };
}

/** Where a source lies in the package, were it in it: `../src/platform/os.ts`, wherever the bundle was made. */
function inPackage(source: string): string {
  const at = source.lastIndexOf("/src/");
  return at < 0 ? source : `..${source.slice(at)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [input, output] = process.argv.slice(2);
  if (input === undefined || output === undefined) {
    process.stderr.write("usage: tsx scripts/bundle.ts IN OUT\n");
    process.exitCode = 2;
  } else {
    await bundle(input, output);
  }
}
