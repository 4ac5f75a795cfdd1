// Allocates 1,000 blocks of 1,000 bytes, and 100 in a worker; says what it was given; ends as its first argument says.
import { once } from "node:events";
import { isMainThread, Worker } from "node:worker_threads";
import { malloc, write } from "heapwright";

const [way, ...rest] = process.argv.slice(2);

if (isMainThread) {
  for (let i = 0; i < 1000; i++) malloc(1000);
  if (way === "worker") {
    const worker = new Worker(new URL(import.meta.url), { argv: ["worker"] });
    await once(worker, "exit");
  }
  console.log(JSON.stringify({ rest, arguments: process.execArgv }));
  if (way === "overrun") write.u8(malloc(100), 1, 200);
  if (way === "wait") {
    process.on("SIGUSR2", () => process.exit(7));
    setInterval(() => {}, 1000);
    console.log("ready");
  } else if (/^\d+$/.test(way)) process.exitCode = Number(way);
  else if (way === "signal") process.kill(process.pid, "SIGTERM");
} else {
  for (let i = 0; i < 100; i++) malloc(1000);
}
