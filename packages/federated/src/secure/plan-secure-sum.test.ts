import { describe, expect, it } from "vitest";
import { emptyLedger, epsilonOf, spend } from "../privacy/accountant.ts";
import { parsePrivacy, type ResolvedPrivacySpec } from "../privacy/privacy-spec.ts";
import { planSecureSum } from "./plan-secure-sum.ts";
import { maskedBytes, settingsOfSum } from "./secure-task.ts";

type SecureSum = Extract<ResolvedPrivacySpec, { readonly name: "secure_sum" }>;
const specOf = (given: object = {}): SecureSum => parsePrivacy({ name: "secure_sum", clip: 2, ...given }) as SecureSum;
const rounds = { size: 1_000, rounds: 20, minimum: 10, invited: 13 };

describe("the secure sums of a job", () => {
  it("have room for all who are asked, and names of their own in each round", () => {
    const { task, noise, stageTimeoutMs } = planSecureSum(specOf({ weightCap: 100 }), rounds);
    expect({ noise, stageTimeoutMs, minimumClients: task.minimumClients }).toEqual({
      ...{ noise: null, stageTimeoutMs: 30_000, minimumClients: 10 },
    });
    const settings = settingsOfSum(task, "run-7", 12);
    expect(settings.name).toBe("run-7/round-12");
    // 13 clients · 2 · 100 · 2^15 values are below 2^27.
    expect(settings.bits).toBe(27);
    expect(maskedBytes(1_000, settings)).toBe(Math.ceil((1_001 * 27) / 8));
  });

  it("are given noise that lasts, from the fewest honest clients that a sum may have", () => {
    const budget = { epsilon: 3, delta: 1e-5 };
    const { task, noise } = planSecureSum(specOf({ ...budget, adversarialShare: 0.2 }), rounds);
    const noiseMultiplier = noise?.noiseMultiplier ?? 0;
    const spent = spend(emptyLedger(), { noiseMultiplier, samplingRate: 1, sampling: "none" }, rounds.rounds);
    const { epsilon } = epsilonOf(spent, budget.delta);
    expect(epsilon).toBeLessThanOrEqual(3);
    expect(epsilon).toBeGreaterThan(2.97); // a hundredth is not given away
    // Of 13 two may work with the server: ten in the sum add the noise of eight.
    const sensitivity = 2 ** 15 + Math.sqrt(1_000);
    expect((task.lattice.noiseVariance * 8) / (noiseMultiplier * sensitivity) ** 2).toBeCloseTo(1, 9);
  });

  it.each([
    [{}, { minimum: 2 }, "privacy.name"],
    [{}, { invited: 1_001 }, "privacy.name"],
    [{ weightCap: 100_000 }, {}, "lattice.levels"],
    [{ epsilon: 1 }, {}, "privacy.epsilon"],
    [{ noiseMultiplier: 1 }, {}, "privacy.epsilon"],
    [{ epsilon: 1, delta: 1e-5, weightCap: 2 }, {}, "privacy.weightCap"],
    [{ dropOutShare: 0.5 }, {}, "privacy.dropOutShare"],
    [
      { epsilon: 1, delta: 1e-5, adversarialShare: 0.4, dropOutShare: 0.1, server: "curious" },
      { minimum: 5 },
      "privacy.adversarialShare",
    ],
  ])("are refused where %j with %j cannot be kept", (given, others, field) => {
    expect(() => planSecureSum(specOf(given), { ...rounds, ...others })).toThrow(
      expect.objectContaining({ code: "invalid_argument", details: { field } }) as Error,
    );
  });

  it("are refused where so few clients cannot stand so many adversaries", () => {
    expect(() => planSecureSum(specOf({ adversarialShare: 0.5, dropOutShare: 0.2 }), rounds)).toThrow(
      expect.objectContaining({ code: "too_few_clients" }) as Error,
    );
  });
});
