import { describe, expect, it } from "vitest";
import { playPopulation } from "../support/simulated-population.ts";

describe("a population of simulated clients", () => {
  it("plays the same rounds for the same seed, and others for another", async () => {
    const plan = { clients: 300, rounds: 6, goal: 20 };
    const [first, again, other] = [
      await playPopulation({ seed: 1, ...plan }),
      await playPopulation({ seed: 1, ...plan }),
      await playPopulation({ seed: 2, ...plan }),
    ];
    expect(again).toEqual(first);
    expect(other.digest).not.toBe(first.digest);
    for (const { summaries } of [first, other]) {
      const committed = summaries.filter(({ outcome }) => outcome === "committed");
      expect(committed).toHaveLength(plan.rounds);
      for (const { contributions } of committed) expect(contributions).toBeGreaterThanOrEqual(0.8 * plan.goal);
    }
  });
});
