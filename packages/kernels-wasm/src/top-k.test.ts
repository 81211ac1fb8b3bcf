import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../test/support/kernel-site.ts";
import { topKScratchBytes } from "./families/encodings.ts";

/** By sorting: greatest magnitude first, then lower index; the first k, ascending by index. */
function reference(values: Float32Array, k: number): number[] {
  const magnitude = (i: number): number => Math.abs(values[i] ?? 0);
  return Array.from(values.keys())
    .sort((a, b) => magnitude(b) - magnitude(a) || a - b)
    .slice(0, k)
    .sort((a, b) => a - b);
}

describe.each(["baseline", "relaxed"] as const)("top-k of the %s kernels", (build) => {
  const site = createKernelSite(build);
  const choose = (values: Float32Array, k: number, clears = false) => {
    const x = site.vector(values);
    const [indices, chosen] = [site.blank(k), site.blank(k)];
    const scratch = site.blank(topKScratchBytes(values.length, k) / 4);
    site.kernels.topK(x.at, values.length, k, indices.at, chosen.at, scratch.at, clears);
    const result = {
      indices: [...new Int32Array(site.memory.memory.buffer, indices.at, k)],
      values: [...chosen.view],
      left: x.view.slice(),
    };
    site.clear();
    return result;
  };
  const expectRight = (values: Float32Array, k: number): void => {
    const wanted = reference(values, k);
    const found = choose(values, k);
    expect(found.indices).toEqual(wanted);
    expect(found.values).toEqual(wanted.map((i) => values[i]));
    expect(found.left).toEqual(values);
  };

  it("chooses exactly k of any vector, of equals the first", () => {
    const few = fc.constantFrom(0, -0, 1, -1, 2, -2.5, 1e-40, Infinity);
    const any = fc.oneof(few, fc.float({ noNaN: true }));
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 200 }), fc.nat(), (values, seed) =>
        expectRight(Float32Array.from(values), seed % (values.length + 1)),
      ),
    );
  });

  it.each([
    ["of all kinds", (i: number) => Math.sin(i * i) * Math.exp(Math.cos(i))],
    ["of which the great ones stand together", (i: number) => (i < 1_500 ? 10 + Math.sin(i) : Math.sin(i))],
    ["of which the great ones stand where no sample is taken", (i: number) => (i % 32 === 20 ? 5 : 1) * Math.sin(i)],
    ["of which only the sampled ones are great", (i: number) => (i % 32 < 4 ? 5 : 1) * Math.sin(i)],
    ["that are all equal", () => -3],
    ["that ascend", (i: number) => i],
  ])("finds the top 1 % of 70,001 values %s", (_name, value) => {
    expectRight(
      Float32Array.from({ length: 70_001 }, (_, i) => value(i)),
      700,
    );
  });

  it("finds a few, half and all of a long vector", () => {
    const values = Float32Array.from({ length: 70_001 }, (_, i) => Math.sin(i * i));
    for (const k of [0, 1, 35_000, 70_001]) expectRight(values, k);
  });

  it("leaves the rest as the residual when it clears what it takes", () => {
    const { indices, left } = choose(Float32Array.of(1, -5, 3, 5, 0.5), 2, true);
    expect(indices).toEqual([1, 3]);
    expect([...left]).toEqual([1, 0, 3, 0, 0.5]);
  });
});
