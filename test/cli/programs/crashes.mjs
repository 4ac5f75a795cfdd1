// A wrong access of C's, of the kind that the first argument says; says the address, for a test to compare.
import { once } from "node:events";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { free, malloc, nativeAllocator, view } from "heapwright";
import koffi from "koffi";

const libc = koffi.load(null);
const memset = libc.func("uintptr_t memset(uintptr_t, int, size_t)");
const memcmp = libc.func("int memcmp(uintptr_t, uintptr_t, size_t)");
const [kind] = process.argv.slice(2);

const allocateHere = (size) => malloc(size);
const freeHere = (block) => free(block);

/** A block that begins where its page does, or ends there. */
function at(side) {
  for (;;) {
    const block = allocateHere(64);
    if ((block % 4096 === 0) === (side === "start")) return block;
    free(block);
  }
}

function access(address, isWrite = true) {
  console.log(`0x${address.toString(16)}`);
  if (isWrite) memset(address, 1, 1);
  else memcmp(address, address, 1);
}

const kinds = {
  "written behind": () => access(at("end") + 64),
  "read behind": () => access(at("end") + 64 + 99, false),
  "written before": () => access(at("start") - 5),
  "read after free": () => {
    const block = at("start");
    freeHere(block);
    access(block + 7, false);
  },
  "written after free": () => {
    const block = at("end");
    freeHere(block);
    access(block);
  },
  "an old view": () => {
    const block = at("end");
    const old = view(block);
    freeHere(block);
    console.log(`0x${(block + 3).toString(16)}`);
    old[3] = 1;
  },
  "freed by a worker": async () => {
    const block = at("start");
    await once(new Worker(new URL(import.meta.url), { workerData: block, argv: ["-"] }), "exit");
    access(block);
  },
  "a C library's": () => {
    const allocate = koffi.decode(nativeAllocator().malloc, koffi.proto("uintptr_t allocate(size_t)"));
    const callC = () => allocate(4096);
    access(callC() + 4096);
  },
  elsewhere: () => access(4096 * 16),
  "none, and a signal": () => {
    freeHere(at("start"));
    process.kill(process.pid, "SIGSEGV");
    setInterval(() => {}, 1000);
  },
  "no crash": () => {},
  "by JavaScript": () => {
    const block = at("start");
    freeHere(block);
    view(block);
  },
};

if (isMainThread) await kinds[kind]();
else freeHere(workerData);
