/** What is unsent survives its worker: Σ sent + error = Σ gradient, however often it leaves and comes again. */
import { parseEncodingSpec, type ConcreteEncodingSpec } from "@shoal/optimization";
import type { PushRequest } from "@shoal/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { createEnds } from "../../../../test/support/encoding-ends.ts";
import { createVectorCoding, type VectorCoding } from "../client/vector-coding.ts";
import { decodeWorkerState, encodeWorkerState } from "./state-bytes.ts";

const { kernels, memory } = await kernelFixture();
const keys = 60;
const owner = { run: "mnist-1", worker: "worker-1" };
const exact = { name: "float32" } as const;

function placementOf(begin = 0) {
  return { term: 1, shards: [{ shard: 0, begin, end: begin + keys, node: "server-1", endpoint: "server-1" }] };
}

function codingOf(push: ConcreteEncodingSpec, begin = 0): VectorCoding {
  return createVectorCoding(placementOf(begin), { push, pull: exact, kernels, memory });
}

const lossy = [{ name: "int8" }, { name: "one_bit" }, { name: "top_k", share: 0.1 }, { name: "random_k", share: 0.1 }];

describe("what a worker has left unsent", () => {
  it.each(lossy)("is neither lost nor sent twice when it leaves and comes again: $name", (given) => {
    const push = parseEncodingSpec(given) as ConcreteEncodingSpec;
    const gradient = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: keys, maxLength: keys });
    const life = fc.array(gradient, { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(life, { maxLength: 4 }), (lives) => {
        const region = memory.allocate(4 * keys);
        const vector = memory.floats(region.byteOffset, keys);
        const ends = createEnds(push, keys);
        const [owed, sent] = [new Float64Array(keys), new Float64Array(keys)];
        let saved: Uint8Array | undefined;
        let sequence = 0;
        for (const gradients of lives) {
          const coding = codingOf(push);
          if (saved !== undefined) coding.errors.restoreErrors(decodeWorkerState(saved, owner).errors);
          for (const values of gradients) {
            vector.set(values);
            vector.forEach((value, index) => (owed[index] = (owed[index] ?? 0) + value));
            const request: PushRequest = {
              ...{ shard: 0, sequence: (sequence += 1), clock: 0, baseVersion: 0, batch: sequence, samples: 1 },
              gradient: vector,
            };
            const coded = coding.encode(0, request);
            const { gradient: payload } = coded.request;
            new Uint8Array(ends.bytes.buffer, ends.bytes.byteOffset, ends.bytes.byteLength).set(
              new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength),
            );
            ends.decode().forEach((value, index) => (sent[index] = (sent[index] ?? 0) + value));
            coded.answered({ type: "push_applied", version: sequence, staleness: 0 });
          }
          const { errors, unanswered } = coding.errors.captureErrors();
          expect(unanswered).toBe(0);
          if (errors.length > 0) saved = encodeWorkerState({ ...owner, clock: sequence, unanswered, errors });
          coding.dispose();
        }
        const residual = saved && decodeWorkerState(saved, owner).errors[0]?.snapshot.residual;
        for (let index = 0; index < keys; index += 1) {
          const [all, gone, left] = [owed[index] ?? NaN, sent[index] ?? NaN, residual?.[index] ?? 0];
          // Up to 16 float32 additions of sums that error feedback keeps below some hundred.
          expect(Math.abs(gone + left - all)).toBeLessThan(1e-3);
        }
        ends.dispose();
        memory.free(region);
      }),
    );
  });

  it("is refused by a run whose keys or encoding are others, and changes nothing there", () => {
    const int8 = parseEncodingSpec({ name: "int8" }) as ConcreteEncodingSpec;
    const snapshot = { name: "int8", residual: new Float32Array(keys).fill(0.5), factors: null };
    const error = { begin: 0, end: keys, slot: 0, encoding: int8, snapshot };
    const refused = (coding: VectorCoding, errors: readonly (typeof error)[]): string => {
      try {
        coding.errors.restoreErrors(errors);
        return "taken";
      } catch (thrown) {
        expect(coding.errors.captureErrors().errors).toEqual([]);
        return (thrown as Error).message;
      } finally {
        coding.dispose();
      }
    };
    expect(refused(codingOf(int8), [error])).toBe("taken");
    expect(refused(codingOf(int8, 60), [error])).toContain("keys 0 to 60 are those of no shard: it has 60 to 120");
    expect(refused(codingOf(int8), [error, error])).toContain("of 2 shards, there are 1");
    expect(refused(codingOf(parseEncodingSpec({ name: "int4" }) as ConcreteEncodingSpec), [error])).toContain(
      "they are of int8, the run pushes int4",
    );
    const short = { ...error, snapshot: { ...snapshot, residual: new Float32Array(3) } };
    expect(refused(codingOf(int8), [short])).toContain("has 3 values, not 60");
  });
});
