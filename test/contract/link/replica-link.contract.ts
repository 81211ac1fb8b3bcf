/** What every `ReplicaLink` must do, whatever carries it. */
import { ShoalError } from "@shoal/errors";
import { maximumInstallBytes, type InstallRequest, type LogEntry, type LogEntryKind } from "@shoal/protocol";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { MakeReplicaScene, ReplicaScene, ReplicaSceneOptions } from "../../support/replica-scene.ts";

const within = { deadlineMs: 10_000 };

export function entryOf(index: number, vector: Float32Array, more: Partial<LogEntry> = {}): LogEntry {
  const history = { madeIn: 3, previousMadeIn: 2, version: index };
  return {
    shard: 0,
    term: 3,
    index,
    ...history,
    kind: "update",
    weight: 1,
    contributions: [],
    members: null,
    vector,
    ...more,
  };
}

export function partOf(bytes: Uint8Array, more: Partial<InstallRequest> = {}): InstallRequest {
  return { shard: 0, term: 3, index: 7, offset: 0, totalBytes: bytes.length, bytes, ...more };
}

export function describeReplicaLink(name: string, makeScene: MakeReplicaScene): void {
  describe(`the ${name} link between servers`, () => {
    let scene: ReplicaScene | undefined;
    const open = async (options: ReplicaSceneOptions): Promise<ReplicaScene> => (scene = await makeScene(options));
    afterEach(async () => {
      await scene?.close();
      scene = undefined;
    });

    test("brings an entry as it is: kind, history, pushes behind it, members and the bits of its vector", async () => {
      const at = await open({ sizes: [4] });
      const link = at.link();
      const count = fc.nat({ max: 0xffff_ffff });
      const from = {
        worker: count,
        incarnation: count,
        sequence: count,
        clock: count,
        baseVersion: count,
        samples: count,
      };
      const contribution = fc.record({ ...from, batch: fc.option(count), batches: fc.integer({ min: 1, max: 99 }) });
      const bits = fc.tuple(fc.float(), fc.float(), fc.float(), fc.float());
      const kinds: readonly LogEntryKind[] = ["initialize", "update", "buffer", "remember", "settle"];
      const plan = fc.record({
        kind: fc.constantFrom(...kinds),
        weight: fc.double({ min: 0.001, max: 1, noNaN: true }),
        contributions: fc.array(contribution, { maxLength: 9 }),
        bits,
        index: count,
      });
      const vector = at.floats(4);
      await fc.assert(
        fc.asyncProperty(plan, async ({ bits: values, index, ...rest }) => {
          vector.set(values);
          const entry = entryOf(index, vector, rest);
          expect(await link.replicate(entry, within)).toEqual({ type: "replicated", index });
          const { vector: _vector, ...header } = entry;
          expect(at.entries.at(-1)).toEqual({ ...header, values: values.map(Math.fround) });
        }),
        { numRuns: 40 },
      );
      const members = { revision: 2, workers: [{ member: 1, incarnation: 4, name: "worker-1" }], slotOwners: [1, 1] };
      const listed = entryOf(9, at.floats(0), { kind: "members", members });
      await link.replicate(listed, within);
      expect(at.entries.at(-1)).toMatchObject({ kind: "members", members, values: [] });
    });

    test("brings vectors of many frames, and many pushes behind one entry", async () => {
      const keys = 700_001;
      const at = await open({ sizes: [keys] });
      const vector = at.floats(keys);
      for (let key = 0; key < keys; key++) vector[key] = key;
      const contributions = Array.from({ length: 5000 }, (_, slot) => {
        return { worker: slot, incarnation: 1, sequence: 1, clock: 0, batch: slot, baseVersion: 0, samples: 8 };
      });
      await at.link().replicate(entryOf(1, vector, { contributions }), within);
      const [told] = at.entries;
      expect(told?.contributions).toEqual(contributions);
      expect(told?.values.every((value, key) => value === key)).toBe(true);
    });

    test("keeps the order of each shard's entries, with many under way", async () => {
      const at = await open({ sizes: [1000, 200_000] });
      const link = at.link();
      const vectors = [at.floats(1000), at.floats(200_000)];
      const under = Array.from({ length: 40 }, (_, turn) => {
        const shard = turn % 2;
        return link.replicate(entryOf(1 + (turn >> 1), vectors[shard] ?? at.floats(0), { shard }), within);
      });
      await Promise.all(under);
      for (const shard of [0, 1]) {
        const order = at.entries.filter((entry) => entry.shard === shard).map(({ index }) => index);
        expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      }
    });

    test("tells a gap, and a refusal with its code and details", async () => {
      const answers = [
        { type: "gap", index: 4 } as const,
        new ShoalError("stale_term", "term 3 is over, term 5 has begun", { term: 5 }),
      ];
      const at = await open({ sizes: [1], follow: () => answers.shift() });
      const link = at.link();
      expect(await link.replicate(entryOf(9, at.floats(1)), within)).toEqual({ type: "gap", index: 4 });
      await expect(link.replicate(entryOf(9, at.floats(1)), within)).rejects.toMatchObject({
        code: "stale_term",
        details: { term: 5 },
      });
    });

    test("brings the parts of a state in their order, as long as they may be, at any place of a long state", async () => {
      const at = await open({ sizes: [1] });
      const link = at.link();
      const bytes = Uint8Array.from({ length: maximumInstallBytes }, (_, place) => (place * 31) & 0xff);
      const totalBytes = 2 ** 33;
      const offset = totalBytes - 2 * maximumInstallBytes - 5;
      const first = link.install(partOf(bytes, { offset, totalBytes }), within);
      const second = link.install(partOf(bytes, { offset: offset + bytes.length, totalBytes }), within);
      const last = link.install(partOf(bytes.subarray(0, 5), { offset: totalBytes - 5, totalBytes }), within);
      expect(await Promise.all([first, second, last])).toEqual(
        [false, false, true].map((done) => ({ type: "installed", done })),
      );
      expect(at.parts.map((part) => part.offset)).toEqual([offset, offset + bytes.length, totalBytes - 5]);
      expect(Buffer.compare(at.parts[1]?.copy ?? new Uint8Array(0), bytes)).toBe(0);
    });

    test("ends a call at its deadline when the shard is silent, and names it", async () => {
      const at = await open({ sizes: [1], follow: () => undefined });
      const startedAt = performance.now();
      await expect(at.link().replicate(entryOf(1, at.floats(1)), { deadlineMs: 200 })).rejects.toMatchObject({
        code: "deadline_exceeded",
        message: expect.stringContaining("shard 0") as string,
      });
      expect(performance.now() - startedAt).toBeLessThan(3_000);
    });

    test("ends a call with its signal's reason, before and while it is under way", async () => {
      const at = await open({ sizes: [1], follow: () => undefined });
      const abort = new AbortController();
      const reason = new ShoalError("not_primary", "the seat has changed");
      const link = at.link();
      const under = link.replicate(entryOf(1, at.floats(1)), { ...within, signal: abort.signal });
      setTimeout(() => abort.abort(reason), 30);
      await expect(under).rejects.toMatchObject({ code: "not_primary" });
      const late = link.replicate(entryOf(2, at.floats(1)), { ...within, signal: abort.signal });
      await expect(late).rejects.toMatchObject({ code: "not_primary" });
    });

    test("names a shard that is not there", async () => {
      const at = await open({ sizes: [1] });
      const absent = at.link().replicate(entryOf(1, at.floats(1), { shard: 5 }), within);
      await expect(absent).rejects.toMatchObject({ code: "unknown_shard" });
      await expect(at.link().install(partOf(new Uint8Array(4), { shard: 5 }), within)).rejects.toMatchObject({
        code: "unknown_shard",
      });
    });

    test("fails what is under way with `cancelled` when it is closed, and all that comes later", async () => {
      const at = await open({ sizes: [1], follow: () => undefined });
      const link = at.link();
      const under = link.replicate(entryOf(1, at.floats(1)), within);
      setTimeout(() => void link.close(), 30);
      await expect(under).rejects.toMatchObject({ code: "cancelled" });
      await link.close();
      await expect(link.replicate(entryOf(2, at.floats(1)), within)).rejects.toMatchObject({ code: "cancelled" });
    });
  });
}
