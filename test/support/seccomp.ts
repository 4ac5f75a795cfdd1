/**
 * A seccomp filter for the calling thread, those that it starts, and the programs that these run: the kernel keeps no
 * list of robust mutexes for them, as in emulators.
 */
import koffi from "koffi";

const NO_NEW_PRIVILEGES = 38; // PR_SET_NO_NEW_PRIVS
const SECCOMP = 22; // PR_SET_SECCOMP
const FILTER = 2; // SECCOMP_MODE_FILTER
const ENOSYS = 38;
const SET_ROBUST_LIST = { x64: 273, arm64: 99 }[process.arch as "x64" | "arm64"];

/** One instruction of struct sock_filter: code, two jumps, an operand. */
function instruction(code: number, then: number, otherwise: number, operand: number): number[] {
  return [code & 0xff, code >> 8, then, otherwise, ...new Uint8Array(new Uint32Array([operand]).buffer)];
}

/** Whether the filter holds now. */
export function forbidRobustLists(): boolean {
  const program = Buffer.from([
    ...instruction(0x20, 0, 0, 0), // load the number of the system call
    ...instruction(0x15, 0, 1, SET_ROBUST_LIST), // if it is this one,
    ...instruction(0x06, 0, 0, 0x0005_0000 | ENOSYS), // answer that there is none,
    ...instruction(0x06, 0, 0, 0x7fff_0000), // else let it pass
  ]);
  const filter = { instructions: program.length / 8, program };
  koffi.struct("sock_fprog", { instructions: "uint16_t", program: "void *" });
  const libc = koffi.load(null);
  const prctl = libc.func("int prctl(int, long, long, long, long)");
  const install = libc.func("prctl", "int", ["int", "long", "sock_fprog *", "long", "long"]);
  return prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) === 0 && install(SECCOMP, FILTER, filter, 0, 0) === 0;
}
