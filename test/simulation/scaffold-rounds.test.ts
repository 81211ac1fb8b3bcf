/** SCAFFOLD through the whole chain: controls travel, are kept on both sides, and stay each other's mean whatever breaks. */
import { describe, expect, it } from "vitest";
import { takeFederatedRow } from "../support/federated-rows.ts";
import { playQuadratics, type QuadraticRun } from "../support/quadratic-clients.ts";

interface ScaffoldRow {
  readonly x: readonly number[];
  readonly c: number;
  readonly c_i: readonly number[];
}
const row = takeFederatedRow<ScaffoldRow>("quadratic/scaffold_optII_uniform_5");
const minimum = takeFederatedRow<number>("quadratic/minimiser_uniform");
/** Values and what is made of them are float32; the maps contract, so the error stays at a few roundings. */
const tolerance = 2e-6;

const gap = (found: readonly number[], expected: readonly number[]): number =>
  Math.max(...expected.map((value, at) => Math.abs((found[at] ?? Number.NaN) - value)));

/** c is the mean of all cₖ at the beginning of each round that all three were in; else the end is not the minimum. */
function expectMeans({ controls }: QuadraticRun, within = 1e-6): void {
  for (const [round, { global, own }] of controls) {
    if (Object.keys(own).length < 3) continue;
    const mean = own.reduce((sum, each) => sum + each, 0) / 3;
    expect(Math.abs(mean - global), `round ${round}`).toBeLessThan(within);
  }
}

const rounds = 3;
/** Of some hundred deeds: each once takes ten times as long. */
const stride = 7;
const undisturbed = playQuadratics({ rounds });

describe("SCAFFOLD in real rounds", () => {
  it("follows the known rounds, and ends in the minimum that federated averaging misses", async () => {
    const { x } = await undisturbed;
    expect(gap(x, row.x.slice(0, rounds))).toBeLessThan(tolerance);
    const long = await playQuadratics({ rounds: 120 });
    expect(gap(long.x.slice(0, 5), row.x)).toBeLessThan(tolerance);
    expect(
      gap([...(long.controls.get(6)?.own ?? []), long.controls.get(6)?.global ?? NaN], [...row.c_i, row.c]),
    ).toBeLessThan(tolerance);
    expect(gap([long.x.at(-1) ?? NaN], [minimum])).toBeLessThan(1e-4);
    expectMeans(long);
  });

  it("comes to the same when its aggregator dies at any deed", async () => {
    const { x, deeds } = await undisturbed;
    expect(deeds.aggregator).toBeGreaterThan(20);
    for (let diesAt = 1; diesAt <= deeds.aggregator; diesAt += stride) {
      const run = await playQuadratics({ rounds, aggregatorLives: [diesAt] });
      expect(run.x, `died at deed ${diesAt}`).toEqual(x);
      expectMeans(run);
    }
  });

  it("comes to the same when a client is reloaded at any deed", async () => {
    const { x, deeds } = await undisturbed;
    for (let diesAt = 1; diesAt <= deeds.client; diesAt += stride) {
      const run = await playQuadratics({ rounds, clientLives: [diesAt] });
      expect(run.x, `died at deed ${diesAt}`).toEqual(x);
      expectMeans(run);
    }
  });

  it("takes back what was contributed to a round that came to nothing", async () => {
    const { x } = await undisturbed;
    const run = await playQuadratics({ rounds, fails: (name, round) => name === "b" && round % 2 === 0 });
    expect(run.rounds).toBe(2 * rounds - 1);
    expect(run.x).toEqual(x);
    expectMeans(run);
  });

  it("begins at zero again where the run goes back: old controls would pull it aside", async () => {
    const run = await playQuadratics({ rounds: 80, back: { from: 4, to: 1 } });
    expect(run.controls.get(5)).toEqual({ global: 0, own: [0, 0, 0] });
    expectMeans(run);
    expect(gap([run.x.at(-1) ?? NaN], [minimum])).toBeLessThan(1e-3);
  });

  it.each([true, false])(
    "comes to the same from a snapshot, three rounds back, on another cluster: %s",
    async (elsewhere) => {
      const { x } = await playQuadratics({ rounds: 8 });
      const run = await playQuadratics({ rounds: 8, resumes: [{ from: 6, to: 3, elsewhere }] });
      expect(run.x).toEqual(x); // no tolerance: the same bits
      expectMeans(run);
      expect(run.notes.join()).not.toContain("zero");
    },
  );

  it.each([true, false])(
    "comes to the same when whoever goes on dies at any deed, on another cluster: %s",
    async (elsewhere) => {
      const { x } = await playQuadratics({ rounds: 4 });
      const resumes = [{ from: 3, to: 1, elsewhere }];
      const { deeds } = await playQuadratics({ rounds: 4, resumes });
      for (let diesAt = 1; diesAt <= deeds.aggregator; diesAt += stride) {
        const run = await playQuadratics({ rounds: 4, resumes, aggregatorLives: [Infinity, diesAt] });
        expect(run.x, `died at deed ${diesAt}`).toEqual(x);
        expectMeans(run);
      }
    },
  );

  it("comes to the same though it goes back again and again, and a client is reloaded", async () => {
    const { x } = await playQuadratics({ rounds: 8 });
    const [first, second, third] = [
      { from: 4, to: 2, elsewhere: true },
      { from: 6, to: 5, elsewhere: false },
      { from: 7, to: 5, elsewhere: true },
    ];
    const resumes = [first, second, third];
    const { deeds } = await playQuadratics({ rounds: 8, resumes });
    for (let diesAt = 30; diesAt <= deeds.client; diesAt += 3 * stride) {
      const run = await playQuadratics({ rounds: 8, resumes, clientLives: [diesAt] });
      expect(run.x, `died at deed ${diesAt}`).toEqual(x);
      expectMeans(run);
    }
  });

  it("begins at zero at both ends, and says so, where a snapshot holds no controls", async () => {
    const run = await playQuadratics({ rounds: 80, resumes: [{ from: 6, to: 3, elsewhere: true, isOld: true }] });
    expect(run.notes.join()).toContain("all begin at zero, here and with the clients");
    expect([...run.controls.values()]).toContainEqual({ global: 0, own: [0, 0, 0] });
    expectMeans(run);
    expect(gap([run.x.at(-1) ?? NaN], [minimum])).toBeLessThan(1e-3);
  });

  it("begins at zero where the run goes back further than clients keep", async () => {
    const resumes = [
      { from: 4, to: 3, elsewhere: false },
      { from: 5, to: 4, elsewhere: false },
      { from: 6, to: 5, elsewhere: false },
      { from: 9, to: 3, elsewhere: true },
    ];
    const run = await playQuadratics({ rounds: 80, resumes });
    expect([...run.controls.values()].filter(({ own }) => own.every((each) => each === 0))).toHaveLength(2);
    // Clients that cannot go back decline one round, and need not rest for that: the next one begins with controls that they have.
    expect(run.tookMs).toBeLessThan(3_000);
    expectMeans(run);
    expect(gap([run.x.at(-1) ?? NaN], [minimum])).toBeLessThan(1e-3);
  });

  it("begins at zero where clients may have gone further than anybody knows", async () => {
    const run = await playQuadratics({ rounds: 80, resumes: [{ from: 8, to: 3, elsewhere: true, isUncounted: true }] });
    expect(run.notes.join()).toContain(
      "rounds that are not counted here: all begin at zero, here and with the clients",
    );
    expectMeans(run);
    expect(gap([run.x.at(-1) ?? NaN], [minimum])).toBeLessThan(1e-3);
  });

  it("begins at zero again after it has begun where nothing was known", async () => {
    const resumes = [
      { from: 6, to: 3, elsewhere: true, isOld: true },
      { from: 10, to: 5, elsewhere: false, isOld: true },
    ];
    const run = await playQuadratics({ rounds: 80, resumes });
    expect(new Set(run.notes.filter((note) => note.includes("all begin at zero"))).size).toBe(2);
    expectMeans(run);
    expect(gap([run.x.at(-1) ?? NaN], [minimum])).toBeLessThan(1e-3);
  });

  it.each([{ name: "int8" }, { name: "top_k", share: 0.25 }])("ends there with its changes in $name", async (up) => {
    const run = await playQuadratics({ rounds: 80, size: 8, up });
    expect(gap([run.x.at(-1) ?? NaN], [minimum])).toBeLessThan(1e-2);
  });
});
