import { describe, expect, it } from "vitest";
import { parsePrivacy } from "./privacy-spec.ts";

describe("a privacy specification", () => {
  it("is filled in", () => {
    expect(parsePrivacy({ name: "central", epsilon: 2, delta: 1e-5, adaptive: { quantile: 0.7 } })).toEqual({
      ...{ name: "central", epsilon: 2, delta: 1e-5, clip: 0.1, noiseMultiplier: null, population: null },
      adaptive: { quantile: 0.7, learningRate: 0.2, rule: "geometric", countDeviation: null },
    });
    expect(parsePrivacy({ name: "local", epsilon: 1, delta: 1e-6, clip: 3 })).toMatchObject({ clip: 3 });
  });

  it.each([
    [{ name: "central", delta: 1e-5 }, "privacy.epsilon"],
    [{ name: "central", epsilon: 1, delta: 1 }, "privacy.delta"],
    [{ name: "central", epsilon: 1, delta: 0.1, population: 0.5 }, "privacy.population"],
    [{ name: "central", epsilon: 1, delta: 0.1, adaptive: { rule: "cubic" } }, "privacy.adaptive.rule"],
    [{ name: "central", epsilon: 1, delta: 0.1, adaptive: 3 }, "privacy.adaptive"],
    [{ name: "local", epsilon: 1, delta: 0.1 }, "privacy.clip"],
    [{ name: "none" }, "privacy.name"],
  ])("says what is wrong: %j", (spec, field) => {
    expect(() => parsePrivacy(spec)).toThrow(expect.objectContaining({ details: { field } }));
  });
});
