/**
 * How a TypeScript program of the project is started: as it is, with tsx, or as the JavaScript that `npm test` made of it once
 * for all tests, which spares each process and each worker most of a second.
 */
import { relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Set for the tests, to the folder where transpile() put the JavaScript. */
export const TRANSPILED_VARIABLE = "HEAPWRIGHT_TEST_TRANSPILED";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The JavaScript of a file below test/ or src/; null when there is none, and it needs tsx. */
export function transpiled(program: URL): URL | null {
  const folder = process.env[TRANSPILED_VARIABLE];
  const path = relative(root, fileURLToPath(program));
  if (folder === undefined || !/^(test|src)\/.*\.ts$/.test(path)) return null;
  return pathToFileURL(`${folder}/${path.slice(0, -3)}.js`);
}

/** What node is told to run it. */
export function nodeArguments(program: URL): string[] {
  const file = transpiled(program);
  if (file !== null) return [fileURLToPath(file)];
  const path = fileURLToPath(program);
  return /\.m?ts$/.test(path) ? ["--import", "tsx", path] : [path];
}
