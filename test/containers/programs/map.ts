/**
 * Program: readers beside a writer on three maps, and now and then one of them is terminated.
 *
 *   map.ts TERMINATIONS
 *
 * A value has its key, a version, and bytes that follow from both: so a reader knows whether it is whole. Of a key it may not
 * see an older version than before. The writer counts what it is about to do, and what it has done.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { HashMap } from "../../../src/containers/index.js";
import { check, type Pointer, stats, struct } from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { announce, given, left, type Member, start, terminate, within } from "../../threads/programs/crew.js";

const KEYS = 400;
const READERS = 2;
const LONGEST = 3000;
const [BEGUN, DONE, READ, FOUND] = [0, 1, 2, 3];

const Value = struct({ key: "u32", version: "u32", check: "u32", rest: ["u32", 20] });

/** A key with padding, which is given as values. */
const Key = struct({ kind: "u8", key: "u32", flag: "u8" });
const keyOf = (key: number) => ({ kind: 1, key, flag: key & 255 });

interface Part {
  readonly texts: Pointer;
  readonly records: Pointer;
  readonly names: Pointer;
  readonly seed: number;
  readonly isWriter: boolean;
  readonly words: SharedArrayBuffer;
  /** For each key, the version that was begun, and the one that was done; a version that is odd deletes it. */
  readonly versions: SharedArrayBuffer;
}

export interface Findings {
  endedWriters: number;
  endedReaders: number;
  /** Looked up, and found. */
  read: number;
  found: number;
  changes: number;
  /** Keys whose value is neither what was done last nor what was begun. */
  wrong: number;
  /** Blocks more than the entries need, at the end and after the maps were freed. */
  kept: number;
  lost: number;
}

const mapsOf = ({ texts, records, names }: Part) => ({
  texts: HashMap.at(texts, "u32", "bytes"),
  records: HashMap.at(records, "string", Value),
  names: HashMap.at(names, Key, "string"),
});

function bytesFor(seed: number, key: number, version: number): Buffer {
  const bytes = Buffer.alloc(8 + new Random(seed ^ key ^ (version << 10)).spread(1, LONGEST), key ^ version);
  bytes.writeUInt32LE(key, 0);
  bytes.writeUInt32LE(version, 4);
  return bytes;
}

const nameFor = (key: number, version: number) => `${version} of ${key}`;
const versionIn = (name: string) => Number.parseInt(name, 10);

function writeOn(part: Part): void {
  const { texts, records, names } = mapsOf(part);
  const versions = new Int32Array(part.versions);
  const words = new Int32Array(part.words);
  const random = new Random(part.seed + Atomics.load(words, BEGUN));
  while (Atomics.load(words, DONE) === 0) {
    const key = random.int(0, KEYS - 1);
    const version = versions[2 * key]! + (random.chance(0.3) ? 1 : 2);
    Atomics.store(versions, 2 * key, version);
    if (version % 2 === 1) {
      texts.delete(key);
      records.delete(String(key));
      names.delete(keyOf(key));
    } else {
      texts.set(key, bytesFor(part.seed, key, version));
      const rest = new Array<number>(20).fill(version);
      records.set(String(key), { key, version, check: key ^ version, rest });
      names.set(keyOf(key), nameFor(key, version));
    }
    Atomics.store(versions, 2 * key + 1, version);
  }
}

function readOn(part: Part): void {
  const { texts, records, names } = mapsOf(part);
  const words = new Int32Array(part.words);
  const random = new Random(part.seed - Atomics.load(words, BEGUN));
  const latest = new Map<string, number>();
  const see = (name: string, version: number) => {
    if (version < (latest.get(name) ?? 0)) throw new Error(`${name} went back to version ${version}`);
    latest.set(name, version);
    Atomics.add(words, FOUND, 1);
  };
  while (Atomics.load(words, DONE) === 0) {
    const key = random.int(0, KEYS - 1);
    Atomics.add(words, READ, 1);
    const bytes = texts.get(key);
    if (bytes !== undefined) {
      const version = bytes.readUInt32LE(4);
      if (!bytes.equals(bytesFor(part.seed, key, version)))
        throw new Error(`the bytes of ${key} are not whole`);
      see(`bytes ${key}`, version);
    }
    const name = names.get(keyOf(key));
    if (name !== undefined) {
      if (name !== nameFor(key, versionIn(name))) throw new Error(`the name of ${key} is ${name}`);
      see(`name ${key}`, versionIn(name));
    }
    records.read(() => {
      const record = records.get(String(key));
      if (record === undefined) return;
      const { version } = record;
      for (const number of record.rest) if (number !== version) throw new Error(`record ${key} is not whole`);
      if (record.key !== key || record.check !== (key ^ version))
        throw new Error(`record ${key} is another one`);
      see(`record ${key}`, version);
    });
  }
}

async function main(terminations: number): Promise<Findings> {
  const random = new Random(testSeed("map"));
  const before = stats().blocks;
  const texts = new HashMap("u32", "bytes");
  const records = new HashMap("string", Value);
  const names = new HashMap(Key, "string");
  const shared = {
    texts: texts.pointer,
    records: records.pointer,
    names: names.pointer,
    seed: random.next(),
    words: new SharedArrayBuffer(16),
    versions: new SharedArrayBuffer(8 * KEYS),
  };
  const words = new Int32Array(shared.words);
  const failed: unknown[] = [];
  const begin = async (isWriter: boolean): Promise<Member<string>> => {
    const begun = Atomics.load(words, BEGUN);
    const member = start<string>(import.meta.url, { ...shared, isWriter });
    member.worker.on("error", (error) => failed.push(error));
    await left(words, BEGUN, begun); // not while it loads koffi, which does not survive it
    return member;
  };
  const crew = [{ member: await begin(true), isWriter: true }];
  for (let i = 0; i < READERS; i++) crew.push({ member: await begin(false), isWriter: false });
  const ended = { endedWriters: 0, endedReaders: 0 };
  for (let i = 0; i < terminations; i++) {
    await delay(random.int(5, 30));
    const place = random.int(0, crew.length - 1);
    const { member, isWriter } = crew[place]!;
    await terminate(member);
    if (isWriter) ended.endedWriters++;
    else ended.endedReaders++;
    crew[place] = { member: await begin(isWriter), isWriter };
  }
  await delay(100);
  announce(words, DONE, 1);
  await within(Promise.all(crew.map(({ member }) => member.ended)), "the crew");
  if (failed.length > 0) throw failed[0];
  const found = judge(shared, texts, records, names);
  texts.delete(KEYS); // whoever is the writer next puts in order what was left
  records.delete("");
  names.delete({});
  for (const map of [texts, records, names]) map.release();
  const kept = stats().blocks - before - texts.size - records.size - names.size;
  for (const map of [texts, records, names]) map.free();
  check();
  return {
    ...ended,
    ...found,
    read: words[READ]!,
    found: words[FOUND]!,
    kept,
    lost: stats().blocks - before,
  };
}

function judge(
  shared: { versions: SharedArrayBuffer; seed: number },
  texts: HashMap<"u32", "bytes">,
  records: HashMap<"string", typeof Value>,
  names: HashMap<typeof Key, "string">,
): { changes: number; wrong: number } {
  const versions = new Int32Array(shared.versions);
  let wrong = 0;
  let changes = 0;
  for (let key = 0; key < KEYS; key++) {
    const allowed = [versions[2 * key]!, versions[2 * key + 1]!];
    changes += allowed[0]! >>> 1;
    const gone = allowed.some((version) => version % 2 === 1 || version === 0);
    const version = texts.get(key)?.readUInt32LE(4);
    if (version === undefined ? !gone : !allowed.includes(version)) wrong++;
    const other = records.read(() => records.get(String(key))?.version);
    if (other === undefined ? !gone : !allowed.includes(other)) wrong++;
    const name = names.get(keyOf(key));
    if (name === undefined ? !gone : !allowed.includes(versionIn(name))) wrong++;
  }
  return { changes, wrong };
}

if (isMainThread) {
  tell(await main(Number(process.argv[2])));
} else {
  const part = given<Part>();
  const work = part.isWriter ? writeOn : readOn;
  const words = new Int32Array(part.words);
  Atomics.add(words, BEGUN, 1);
  work(part);
}
