/**
 * Makes one module of the compiled library: the module IN and all it imports become OUT, which may be the same file.
 *
 *   tsx scripts/bundle.ts IN OUT
 *
 * One module, because a worker that imports one for each file spends 15 ms on finding them. By rollup, which leaves a const a const:
 * V8 folds the value of a module's const into the code that uses it, and a bundler that turns them into vars (esbuild
 * does) doubles the price of malloc.
 */
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";

export async function bundle(input: string, output: string): Promise<void> {
  const made = await rollup({
    input,
    external: [/^node:/, "koffi"],
    onwarn(warning, report) {
      // What the compiler puts in for `using` asks for a `this`, which a module has not, before it does without.
      if (warning.code !== "THIS_IS_UNDEFINED") report(warning);
    },
  });
  await made.write({ file: output, format: "es" });
  await made.close();
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
