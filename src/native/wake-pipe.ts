/**
 * A pipe that wakes this thread's event loop: any thread of the process writes a byte to it (the self-pipe trick).
 *
 * Owns the reading end, in a socket that keeps no process alive; the caller closes the writing end. Where a pipe cannot be
 * listened to (Bun 1.4, or Node's permission model without sockets) a timer looks every few milliseconds instead.
 */
import { createRequire } from "node:module";
import type { Socket } from "node:net";

const NONBLOCK = 0o4000; // O_NONBLOCK
const CLOEXEC = 0o2000000; // O_CLOEXEC
const POLL_MS = 5;

/** For the calling thread, which then runs `woken`. Returns the writing end; -1 for none. `pipe2` is libc's. */
export function makeWakePipe(pipe2: (ends: Int32Array, flags: number) => number, woken: () => void): number {
  const ends = Int32Array.of(-1, -1);
  const piped = process.versions.bun === undefined && pipe2(ends, NONBLOCK | CLOEXEC) === 0;
  if (!piped || !listen(ends[0]!, woken)) setInterval(woken, POLL_MS).unref();
  return ends[1]!;
}

/** Runs `woken` whenever the pipe has data; false when the runtime refuses to listen. */
function listen(fd: number, woken: () => void): boolean {
  const net = createRequire(import.meta.url ?? __filename)("node:net") as {
    Socket: new (options: object) => Socket;
  };
  const onread = {
    buffer: new Uint8Array(16),
    callback: () => {
      woken();
      return true;
    },
  };
  try {
    new net.Socket({ fd, readable: true, writable: false, onread }).unref();
    return true;
  } catch {
    return false;
  }
}
