import { createKernelMemory, instantiateKernels, loadKernelModules, type Offset } from "@shoal/kernels-wasm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../../../../test/support/vectors.ts";
import { createOptimizer } from "../create-optimizer.ts";
import { plainTreatment } from "../update-range.ts";
import { createCompensation, type Compensation } from "./delay-compensation.ts";
import { parseStalenessSpec } from "./staleness-spec.ts";
import { stalenessWeight } from "./staleness-weight.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);

interface Vectors {
  readonly fedasync_s: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly "dc_over_adadelta (Monolith dc_optimizer_test)": readonly number[];
}
const vectors = loadVectors<Vectors>("asynchrony");

const vector = (...values: readonly number[]): Offset => {
  const { byteOffset } = memory.allocate(values.length * 4);
  memory.floats(byteOffset, values.length).set(values);
  return byteOffset;
};

function compensation(rule: object, size: number): Compensation {
  const made = createCompensation(parseStalenessSpec({ compensation: rule }).compensation, { size, kernels, memory });
  if (made === undefined) throw new Error("no compensation");
  return made;
}

describe("the weight of a stale push", () => {
  it("is that of the published tables", () => {
    const rules = {
      "poly a=.5": parseStalenessSpec({ weight: { name: "polynomial", exponent: 0.5 } }).weight,
      "hinge a=10 b=4": parseStalenessSpec({ weight: { name: "hinge", slope: 10, offset: 4 } }).weight,
    };
    for (const [name, rule] of Object.entries(rules)) {
      for (const [staleness, weight] of Object.entries(vectors.fedasync_s[name] ?? { none: 0 })) {
        expect(stalenessWeight(rule, Number(staleness))).toBeCloseTo(weight, 12);
      }
    }
  });

  it("is one over the staleness by default, and one for a fresh push", () => {
    const { weight } = parseStalenessSpec({});
    expect([0, 1, 2, 4].map((staleness) => stalenessWeight(weight, staleness))).toEqual([1, 1, 0.5, 0.25]);
  });

  it("never grows with the staleness, and is 1 for none", () => {
    const rules = [{ name: "none" }, { name: "inverse" }, { name: "polynomial" }, { name: "hinge" }];
    fc.assert(
      fc.property(fc.constantFrom(...rules), fc.nat(1e6), fc.nat(1e6), (rule, one, other) => {
        const { weight } = parseStalenessSpec({ weight: rule });
        const [fresh, stale] = [Math.min(one, other), Math.max(one, other)];
        expect(stalenessWeight(weight, stale)).toBeLessThanOrEqual(stalenessWeight(weight, fresh));
        expect(stalenessWeight(weight, 0)).toBe(1);
      }),
    );
  });
});

describe("a staleness rule from outside", () => {
  it.each([
    [{ name: "polynomial" }, "staleness.name: no such option; a rule is named as weight: { name }"],
    [{ weight: { name: "linear" } }, "staleness.weight.name: expected one of none, inverse, polynomial"],
    [{ weight: { name: "polynomial", exponent: 2 } }, "staleness.weight.exponent"],
    [{ compensation: { name: "adaptive", lambda: -1 } }, "staleness.compensation.lambda"],
    [{ bound: -1 }, "staleness.bound"],
    [{ limit: 3 }, "limit"],
    ["inverse", "expected an object"],
  ])("is refused with the field that is wrong: %j", (spec, sentence) => {
    expect(() => parseStalenessSpec(spec)).toThrow(sentence);
  });
});

describe("delay compensation", () => {
  it("leaves the gradient's bits alone when lambda is 0 or nothing came between", () => {
    const numbers = fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(numbers, fc.boolean(), fc.boolean(), (values, adaptive, fresh) => {
        const rule = { name: adaptive ? "adaptive" : "constant", lambda: fresh ? 2 : 0 };
        const made = compensation(rule, values.length);
        const g = vector(...values.map((value) => value / 3 + 1e-3));
        const then = vector(...values);
        const now = fresh ? then : vector(...values.map((value) => value + 0.5));
        made.remember(1, 7, then);
        const out = made.compensate(1, 7, g, now);
        expect(memory.floats(out, values.length)).toEqual(memory.floats(g, values.length));
        made.dispose();
      }),
    );
  });

  it("composes with another optimiser as the published row", () => {
    // The row's backup is 0.1 at the first step and the values before that step at the second.
    const made = compensation({ name: "constant", lambda: 0.1 }, 1);
    const optimizer = createOptimizer(
      { name: "adadelta", learningRate: 0.01, rho: 0.9, epsilon: 0.01 },
      { size: 1, kernels, memory },
    );
    const [w, g] = [vector(0), vector(10)];
    for (const [step, expected] of vectors["dc_over_adadelta (Monolith dc_optimizer_test)"].entries()) {
      made.remember(1, step, vector(step === 0 ? 0.1 : 0));
      optimizer.step(w, made.compensate(1, step, g, w), 0.01);
      // Float32 against float64: 1e-6 relative covers the roundings of two steps.
      expect(Math.abs((memory.floats(w, 1)[0] ?? NaN) / expected - 1)).toBeLessThan(1e-6);
    }
  });

  it("leaves running statistics alone", () => {
    const ranges = [
      { begin: 0, end: 1, treatment: plainTreatment },
      { begin: 1, end: 3, treatment: { kind: "statistic", rate: 0.1 } },
    ] as const;
    const { compensation: rule } = parseStalenessSpec({ compensation: { name: "constant", lambda: 2 } });
    const made = createCompensation(rule, { size: 3, kernels, memory, ranges });
    made?.remember(1, 0, vector(0, 0, 0));
    const out = made?.compensate(1, 0, vector(1, 2, 3), vector(1, 1, 1)) ?? 0;
    expect([...memory.floats(out, 3)]).toEqual([3, 2, 3]);
  });

  it.each(["constant", "adaptive"])(
    "leaves alone what it would make infinite, and later gradients finite (%s)",
    (name) => {
      const made = compensation({ name, lambda: 1e30 }, 3);
      made.remember(1, 0, vector(0, 0, 0));
      const w = vector(1, -1, 1);
      for (const values of [
        [1e20, 1, 0],
        [1e15, -1e15, 1],
        [1, 2, 3],
      ]) {
        // prettier-ignore
        const out = made.compensate(1, 0, vector(...values), w);
        expect(kernels.allFinite(out, 3)).toBe(true);
      }
      const great = vector(1e20, 1, 0);
      expect(made.compensate(1, 0, great, w)).toBe(great);
      const square = made.snapshot().entries[0]?.meanSquare;
      expect(square?.every(Number.isFinite) ?? name === "constant").toBe(true);
    },
  );

  it("does nothing for values that it does not know", () => {
    const made = compensation({ name: "constant", lambda: 2 }, 2);
    const [g, w] = [vector(1, 2), vector(3, 4)];
    expect(made.compensate(1, 0, g, w)).toBe(g);
    made.remember(1, 5, vector(0, 0));
    expect(made.compensate(1, 4, g, w)).toBe(g);
    expect(made.compensate(2, 5, g, w)).toBe(g);
    expect(made.compensate(1, 5, g, w)).not.toBe(g);
  });

  it.each(["worker", "shared"] as const)(
    "goes on from a snapshot with the same bits (mean square: %s)",
    (meanSquare) => {
      const rule = { name: "adaptive", lambda: 2, meanSquare };
      const [made, restored] = [compensation(rule, 3), compensation(rule, 3)];
      const [g, w] = [vector(1, -2, 3), vector(0.5, 0.25, -1)];
      made.remember(1, 0, vector(0, 0, 0));
      made.compensate(1, 0, g, w);
      restored.restore(structuredClone(made.snapshot()));
      const outcome = (one: Compensation): Float32Array => memory.floats(one.compensate(1, 0, g, w), 3).slice();
      expect(outcome(restored)).toEqual(outcome(made));
      expect(() => restored.restore({ entries: [], sharedMeanSquare: new Float32Array(2) })).toThrow(
        "snapshot_corrupt",
      );
    },
  );

  it("gives back all that it took", () => {
    const before = memory.allocatedBytes;
    const made = compensation({ name: "adaptive" }, 100);
    const w = memory.allocate(400);
    for (const worker of [1, 2, 3]) made.remember(worker, 0, w.byteOffset);
    made.retain((worker) => worker === 2);
    expect(made.bytes).toBe(400 * 3);
    made.dispose();
    memory.free(w);
    expect(memory.allocatedBytes).toBe(before);
  });
});
