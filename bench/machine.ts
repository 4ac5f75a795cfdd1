/** What the figures were taken on: they mean little without it. */
import { cpus } from "node:os";

export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** "none" where libc is another one, such as musl. */
  readonly glibc: string;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    node: process.versions.node,
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    glibc: glibcVersion(),
  };
}

function glibcVersion(): string {
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return report.header.glibcVersionRuntime ?? "none";
}

export function formatMachine({ node, cpu, cores, glibc }: Machine): string {
  return `Node ${node}, ${cpu}, ${cores} cores, glibc ${glibc}\n`;
}
