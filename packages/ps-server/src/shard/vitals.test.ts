import { describe, expect, it } from "vitest";
import { createVitals } from "./vitals.ts";

describe("the vital signs of a shard", () => {
  it("are unknown before the first update", () => {
    expect(createVitals().signs()).toEqual({ stalenessP95: 0, gradientNorm: null, updateRatio: null });
  });

  it("tell the staleness that 95 of 100 pushes do not exceed, of the newest 256", () => {
    const vitals = createVitals();
    for (let staleness = 1; staleness <= 100; staleness += 1) vitals.noteStaleness(staleness);
    expect(vitals.signs().stalenessP95).toBe(95);
    for (let pushes = 0; pushes < 256; pushes += 1) vitals.noteStaleness(3);
    expect(vitals.signs().stalenessP95).toBe(3);
  });

  it("compare the values before and after one update in 200 ms", () => {
    const vitals = createVitals();
    const end = vitals.begin(Float32Array.of(3, 4), 1000);
    end?.(Float32Array.of(3, 4.5), 7);
    expect(vitals.signs()).toMatchObject({ gradientNorm: 7, updateRatio: 0.1 });
    expect(vitals.begin(Float32Array.of(1, 1), 1199)).toBeUndefined();
    expect(vitals.begin(Float32Array.of(1, 1), 1200)).toBeDefined();
  });

  it("say nothing of a ratio to values that are all zero", () => {
    const vitals = createVitals();
    vitals.begin(new Float32Array(2), 0)?.(Float32Array.of(1, 0), 1);
    expect(vitals.signs().updateRatio).toBeNull();
  });

  it("look at no more than 4,096 keys of a large shard", () => {
    const vitals = createVitals();
    const values = new Float32Array(10_000).fill(2);
    vitals.begin(values, 0)?.(
      values.map((value) => value + 1),
      1,
    );
    expect(vitals.signs().updateRatio).toBeCloseTo(0.5, 6);
  });
});
