import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comeBackAfterMs, decidePace, leastApartMs } from "./decide-pace.ts";

const facts = { population: 10, wanted: 10, roundMs: 1_000, nextRoundInMs: 3_000, leastMs: 100, mostMs: 3_600_000 };

/** Park and Miller's generator: enough for arrivals. */
function createLehmer(seed: number): { uniform(): number } {
  let state = seed;
  return {
    uniform() {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    },
  };
}

describe("pace", () => {
  it("lets few clients meet when the next round begins", () => {
    expect(decidePace(facts)).toMatchObject({ kind: "rendezvous", earliestMs: 3_000, latestMs: 3_150 });
    expect(decidePace({ ...facts, nextRoundInMs: 0, leastMs: 500 })).toMatchObject({ earliestMs: 500 });
    // At the latest moment, too, they do not come in the same millisecond.
    const far = decidePace({ ...facts, nextRoundInMs: 1e9 });
    expect(far.latestMs).toBeCloseTo(facts.mostMs);
    expect(far.latestMs - far.earliestMs).toBeCloseTo(facts.mostMs / 21);
  });

  it("spreads many so that as many come per round as are wanted", () => {
    const random = createLehmer(48_271);
    const population = 5_000;
    const window = decidePace({ ...facts, population });
    const arrivals: number[] = [];
    for (let client = 0; client < population; client += 1) {
      // Long after the start, when chance has spread them.
      let at = random.uniform() * window.latestMs;
      while (at < 2_000_000) {
        if (at > 1_000_000) arrivals.push(at);
        at += comeBackAfterMs(window, random.uniform());
      }
    }
    const perRound = arrivals.length / 1_000;
    expect(perRound).toBeGreaterThan(9);
    expect(perRound).toBeLessThan(11);
    const busiest = Math.max(...Array.from({ length: 1_000 }, (_, round) => arrivals.filter((at) => Math.floor(at / 1_000) === 1_000 + round).length)); // prettier-ignore
    // Independent arrivals, 10 a round: more than 30 in one of a thousand rounds has a chance below 1e-4.
    expect(busiest).toBeLessThan(30);
  });

  it("keeps its bounds, whatever it is asked", () => {
    const drawn = fc.record({
      ...{
        population: fc.nat(1e7),
        wanted: fc.integer({ min: 1, max: 1e4 }),
        roundMs: fc.integer({ min: 1, max: 1e6 }),
      },
      ...{
        nextRoundInMs: fc.integer({ min: -1e6, max: 1e9 }),
        leastMs: fc.nat(1e4),
        mostMs: fc.integer({ min: 1e4, max: 1e9 }),
      },
      uniform: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(drawn, ({ uniform, ...given }) => {
        const window = decidePace(given);
        const after = comeBackAfterMs(window, uniform);
        expect(after).toBeGreaterThanOrEqual(given.leastMs);
        const apartMs = leastApartMs(given.population, given.leastMs);
        expect(after).toBeLessThanOrEqual(Math.max(given.mostMs, 1.5 * apartMs, 3 * given.leastMs) + 1e-3);
        // On average 25 a second of all of them.
        const meanMs = (window.earliestMs + window.latestMs) / 2;
        expect((1_000 * given.population) / meanMs).toBeLessThan(25.001);
        if (window.kind === "spread") expect(window.latestMs / window.earliestMs).toBeCloseTo(3);
      }),
    );
  });
});
