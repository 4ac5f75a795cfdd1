/**
 * Settings: what configure() and the environment accept, and what they say about the rest.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_BLOCK } from "../../src/block/block.js";
import { checkSetting, defaults, settingsFrom } from "../../src/process/settings.js";
import { throwsHeapError } from "../support/throws.js";

test("an empty environment gives the defaults, and never the defaults themselves", () => {
  assert.equal(settingsFrom({}), defaults);
  assert.equal(settingsFrom({ HEAPWRIGHT_LIMIT: "", HEAPWRIGHT_OTHER: "7", LIMIT: "9" }), defaults);
  settingsFrom({}).limit = 1;
  assert.is(defaults.limit, Number.POSITIVE_INFINITY);
});

test("every setting has a variable", () => {
  const settings = settingsFrom({
    HEAPWRIGHT_LIMIT: "1000000",
    HEAPWRIGHT_MMAP_THRESHOLD: "65536",
    HEAPWRIGHT_TRIM_THRESHOLD: "123",
    HEAPWRIGHT_RESERVE: "0",
  });
  assert.equal(settings, { limit: 1_000_000, mmapThreshold: 65536, trimThreshold: 123, reserve: 0 });
});

test("bytes may be given in powers of 1024", () => {
  const cases = {
    "3": 3,
    "2K": 2048,
    "2k": 2048,
    "5M": 5 * 2 ** 20,
    "1G": 2 ** 30,
    "4KiB": 4096,
    " 7MB ": 7 * 2 ** 20,
    "8b": 8,
  };
  for (const [text, bytes] of Object.entries(cases)) {
    assert.is(settingsFrom({ HEAPWRIGHT_TRIM_THRESHOLD: text }).trimThreshold, bytes, text);
  }
});

test("the threshold may be dynamic, nothing else may", () => {
  assert.is(settingsFrom({ HEAPWRIGHT_MMAP_THRESHOLD: "dynamic" }).mmapThreshold, "dynamic");
  checkSetting("here", "mmapThreshold", "dynamic");
  throwsHeapError(
    () => checkSetting("here", "limit", "dynamic"),
    "ERR_INVALID_ARG",
    /limit must be a number of bytes, got/,
  );
  throwsHeapError(() => settingsFrom({ HEAPWRIGHT_LIMIT: "dynamic" }), "ERR_INVALID_ARG", /HEAPWRIGHT_LIMIT/);
});

test("what makes no sense in the environment is named, with its variable", () => {
  for (const text of ["x", "-1", "1.5", "1T", "1 K", "0x10", "1e3", "99999999999999999999"]) {
    const error = throwsHeapError(() => settingsFrom({ HEAPWRIGHT_LIMIT: text }), "ERR_INVALID_ARG");
    assert.ok(error.message.includes(`HEAPWRIGHT_LIMIT="${text}"`), error.message);
    assert.instance(error, RangeError);
  }
});

test("bounds are exact", () => {
  const most = { mmapThreshold: MAX_BLOCK / 2, trimThreshold: 2 ** 40, reserve: 2 ** 32 };
  for (const [name, limit] of Object.entries(most)) {
    checkSetting("here", name, 0);
    checkSetting("here", name, limit);
    throwsHeapError(
      () => checkSetting("here", name, limit + 1),
      "ERR_INVALID_ARG",
      new RegExp(`from 0 to ${limit}`),
    );
    throwsHeapError(() => checkSetting("here", name, -1), "ERR_INVALID_ARG");
    throwsHeapError(() => checkSetting("here", name, Number.POSITIVE_INFINITY), "ERR_INVALID_ARG");
  }
  checkSetting("here", "limit", Number.POSITIVE_INFINITY);
  checkSetting("here", "limit", Number.MAX_SAFE_INTEGER);
});

test("a wrong type is a TypeError, a wrong number a RangeError", () => {
  for (const value of ["4", null, undefined, 4n, {}, true]) {
    assert.instance(
      throwsHeapError(() => checkSetting("here", "reserve", value), "ERR_INVALID_ARG"),
      TypeError,
    );
  }
  for (const value of [Number.NaN, 0.5, -4, 2 ** 60]) {
    assert.instance(
      throwsHeapError(() => checkSetting("here", "limit", value), "ERR_INVALID_ARG"),
      RangeError,
    );
  }
  throwsHeapError(
    () => checkSetting("here", "mmapThreshold", "big"),
    "ERR_INVALID_ARG",
    /or "dynamic", got "big"/,
  );
});

test("a setting that does not exist is refused with the list of those that do", () => {
  for (const name of ["speed", "toString", "__proto__", ""]) {
    throwsHeapError(
      () => checkSetting("here", name, 1),
      "ERR_INVALID_ARG",
      /no setting .* limit, mmapThreshold/,
    );
  }
});

test.run();
