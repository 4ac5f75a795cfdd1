/**
 * All that can be done with a container, by the names of their classes.
 */
import { HashMap, Queue, StringTable, Vector } from "../../src/containers/index.js";
import type { Pointer } from "../../src/index.js";

type Container = Vector<"u32"> | HashMap<"string", "u32"> | Queue | StringTable;

/** Uses of a container, or of the one at an address, in an order in which all are allowed. */
export function usesOf(name: string, of: Container | Pointer): (() => unknown)[] {
  const container = typeof of === "number" ? opened(name, of) : of;
  if (container instanceof Vector) {
    return [
      () => container.push(1),
      () => container.push(2),
      () => container.get(0),
      () => container.set(0, 5),
      () => container.resize(1000),
      () => container.pop(),
    ].concat(
      typeof of === "number"
        ? []
        : ([() => container.length, () => container.data, () => container.capacity] as never),
    );
  }
  if (container instanceof HashMap) {
    return [
      () => container.set("a", 1),
      () => container.get("a"),
      () => container.has("b"),
      () => container.size,
      () => container.forEach(() => {}),
      () => container.read(() => {}),
      () => container.delete("a"),
      () => container.clear(),
      () => container.release(),
    ];
  }
  if (container instanceof Queue) {
    return [
      () => container.push(Buffer.from("record"), 0),
      () => container.shift(0),
      () => container.bytes,
      () => container.closed,
    ];
  }
  return [
    () => container.intern("a"),
    () => container.find("a"),
    () => container.get(1),
    () => container.size,
  ];
}

function opened(name: string, pointer: Pointer): Container {
  if (name === "Vector") return Vector.at(pointer, "u32");
  if (name === "HashMap") return HashMap.at(pointer, "string", "u32");
  return name === "Queue" ? Queue.at(pointer) : StringTable.at(pointer);
}
