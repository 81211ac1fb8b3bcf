import { describe, expect, it } from "vitest";
import { decideAdmission } from "./decide-admission.ts";

describe("admission", () => {
  const limits = { size: 2, normBound: 5, sampleCap: 100 };
  it("admits with the samples as weight, up to the cap", () => {
    expect(decideAdmission(Float32Array.of(3, 4), 60, limits)).toMatchObject({ kind: "admit", weight: 60, norm: 5 });
    expect(decideAdmission(Float32Array.of(0, 0), 1e9, limits)).toMatchObject({
      weight: 100,
      reason: "1000000000 samples count as 100",
    });
  });

  it.each([
    [[1], 1, "wrong_size", "1 elements, expected 2"],
    [[1, 1], 0, "bad_sample_count", "0 samples, expected a positive integer"],
    [[1, 1], 1.5, "bad_sample_count", "1.5 samples, expected a positive integer"],
    [[1, Number.NaN], 1, "not_finite", "element 1 is NaN"],
    [[-Infinity, 1], 1, "not_finite", "element 0 is -Infinity"],
    [[3, 4.5], 1, "norm_too_large", "norm 5.4"],
  ])("rejects %j with %d samples: %s", (update, samples, cause, reason) => {
    const decision = decideAdmission(Float32Array.from(update), samples, limits);
    expect(decision).toMatchObject({ kind: "reject", cause, reason: expect.stringContaining(reason) });
  });
});
