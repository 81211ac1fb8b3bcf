import { parseEncodingSpec, type ConcreteEncodingSpec } from "@shoal/optimization";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeWorkerState, encodeWorkerState } from "./state-bytes.ts";
import type { WorkerState } from "./worker-state.ts";

const encoding = parseEncodingSpec({ name: "power_sgd", rank: 3 }) as ConcreteEncodingSpec;
const owner = { run: "mnist-1", worker: "worker-3" };
const floats = fc.option(fc.float32Array({ maxLength: 20 }));
const anyState: fc.Arbitrary<WorkerState> = fc.record({
  replica: fc.float32Array({ maxLength: 20 }),
  computed: fc.record({ text: fc.string(), vector: floats }),
  run: fc.constant(owner.run),
  worker: fc.constant(owner.worker),
  clock: fc.nat(),
  unanswered: fc.nat(5),
  errors: fc.array(
    fc.record({
      begin: fc.nat(),
      end: fc.nat(),
      slot: fc.nat(),
      encoding: fc.constant(encoding),
      snapshot: fc.record({ name: fc.constant("power_sgd"), residual: floats, factors: floats }),
    }),
    { maxLength: 4 },
  ),
});
const some: WorkerState = {
  ...{ ...owner, clock: 7, unanswered: 0 },
  errors: [
    {
      begin: 0,
      end: 2,
      slot: 0,
      encoding,
      snapshot: { name: "power_sgd", residual: Float32Array.of(1, -2), factors: null },
    },
  ],
};

describe("the bytes of a saved state", () => {
  it("say what was saved", () => {
    fc.assert(
      fc.property(anyState, (state) => {
        expect(decodeWorkerState(encodeWorkerState(state), owner)).toEqual(state);
        const asFromAFile = Buffer.from(encodeWorkerState(state));
        expect(decodeWorkerState(asFromAFile, owner)).toEqual(state);
      }),
    );
  });

  it("are refused when one of them is another, or missing", () => {
    const bytes = encodeWorkerState(some);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ change;
        expect(() => decodeWorkerState(damaged, owner)).toThrow("[snapshot_corrupt]");
        expect(() => decodeWorkerState(bytes.subarray(0, at), owner)).toThrow("[snapshot_corrupt]");
      }),
    );
  });

  it("are refused with the reason when they are of another run, worker or version", () => {
    const bytes = encodeWorkerState(some);
    expect(() => decodeWorkerState(bytes, { ...owner, run: "mnist-2" })).toThrow("of run mnist-1, not of mnist-2");
    expect(() => decodeWorkerState(bytes, { ...owner, worker: "worker-4" })).toThrow("it is of worker-3");
    bytes[7] = "2".charCodeAt(0);
    expect(() => decodeWorkerState(bytes, owner)).toThrow('of version "2", this Shoal reads 1');
  });
});
