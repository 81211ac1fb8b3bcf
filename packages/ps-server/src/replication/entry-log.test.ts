import { expect, test } from "vitest";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { leastVectors, logBytes, maximumEntries, reservedEntries } from "./bounds.ts";
import { createEntryLog, type KeptEntry } from "./entry-log.ts";

const { memory } = await kernelFixture();
const nothing = new Float32Array(0);

function entryOf(index: number, vector: Float32Array = nothing): KeptEntry {
  const history = { index, madeIn: 1, previousMadeIn: 1, version: index };
  return { ...{ shard: 0, kind: "update", weight: 1, contributions: [], members: null, vector }, ...history };
}

test("an entry keeps its vector while the caller's is overwritten", () => {
  const log = createEntryLog(2, memory);
  const vector = new Float32Array([1, 2]);
  log.add(entryOf(1, vector));
  vector.fill(9);
  expect(log.lend(1)?.entry.vector).toEqual(new Float32Array([1, 2]));
  log.dispose();
});

test("a region is used again only when nobody needs its entry and no link reads it", () => {
  const before = memory.allocatedBytes;
  const size = logBytes / 4;
  const log = createEntryLog(size, memory);
  for (let index = 1; index <= leastVectors; index += 1) log.add(entryOf(index, new Float32Array(size).fill(index)));
  expect([log.hasRoom, log.hasReserve, log.bytes]).toEqual([false, true, leastVectors * logBytes]);
  const lent = log.lend(1);
  log.forgetBelow(2);
  expect([log.hasRoom, log.first, log.lend(1)]).toEqual([false, 2, undefined]);
  expect(lent?.entry.vector[0]).toBe(1);
  lent?.returned();
  expect(log.hasRoom).toBe(true);
  log.add(entryOf(leastVectors + 1, new Float32Array(size).fill(7)));
  expect([log.bytes, lent?.entry.vector[0]]).toEqual([leastVectors * logBytes, 7]);
  const last = log.lend(leastVectors + 1);
  log.dispose();
  // What a link still reads is freed when it has done so.
  expect(memory.allocatedBytes).toBe(before + logBytes);
  last?.returned();
  expect(memory.allocatedBytes).toBe(before);
});

test("entries without vectors are bounded as well, with some places for member lists", () => {
  const log = createEntryLog(1, memory);
  for (let index = 1; index <= maximumEntries - reservedEntries; index += 1) log.add(entryOf(index));
  expect([log.hasRoom, log.hasReserve]).toEqual([false, true]);
  for (let index = 1; index <= reservedEntries; index += 1) log.add(entryOf(index));
  expect(log.hasReserve).toBe(false);
  log.clear(5000);
  expect([log.first, log.hasRoom]).toEqual([5000, true]);
  log.dispose();
});
