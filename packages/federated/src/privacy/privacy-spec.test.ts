import { describe, expect, it } from "vitest";
import { parsePrivacy } from "./privacy-spec.ts";

describe("a privacy specification", () => {
  it("is filled in", () => {
    expect(parsePrivacy({ name: "central", epsilon: 2, delta: 1e-5, adaptive: { quantile: 0.7 } })).toEqual({
      ...{
        name: "central",
        epsilon: 2,
        delta: 1e-5,
        clip: 0.1,
        noiseMultiplier: null,
        population: null,
        draw: "poisson",
      },
      adaptive: { quantile: 0.7, learningRate: 0.2, rule: "geometric", countDeviation: null },
    });
    expect(parsePrivacy({ name: "secure_sum", clip: 2 })).toEqual({
      ...{ name: "secure_sum", clip: 2, levels: 65_537, weightCap: 1, adversarialShare: 0.1, dropOutShare: 0.3 },
      ...{ server: "semi_malicious", curve: "P-256", stageSeconds: 30 },
      ...{ epsilon: null, delta: null, noiseMultiplier: null },
    });
    expect(parsePrivacy({ name: "local", epsilon: 1, delta: 1e-6, clip: 3 })).toMatchObject({ clip: 3, budget: null });
  });

  it.each([
    [{ name: "central", delta: 1e-5 }, "privacy.epsilon"],
    [{ name: "central", epsilon: 1, delta: 1 }, "privacy.delta"],
    [{ name: "central", epsilon: 1, delta: 0.1, population: 0.5 }, "privacy.population"],
    [{ name: "central", epsilon: 1, delta: 0.1, adaptive: { rule: "cubic" } }, "privacy.adaptive.rule"],
    [{ name: "central", epsilon: 1, delta: 0.1, adaptive: 3 }, "privacy.adaptive"],
    [{ name: "local", epsilon: 1, delta: 0.1 }, "privacy.clip"],
    [{ name: "local", epsilon: 1, delta: 0.1, clip: 1, budget: 0 }, "privacy.budget"],
    [{ name: "secure_sum" }, "privacy.clip"],
    [{ name: "secure_sum", clip: 1, server: "evil" }, "privacy.server"],
    [{ name: "secure_sum", clip: 1, adversarialShare: 1 }, "privacy.adversarialShare"],
    [{ name: "none" }, "privacy.name"],
  ])("says what is wrong: %j", (spec, field) => {
    expect(() => parsePrivacy(spec)).toThrow(expect.objectContaining({ details: { field } }));
  });
});
