/** Clusters drawn from seeds; `npm run simulate` plays more of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apply } from "./mutations/plant.ts";
import { mutations } from "./mutations/registry.ts";
import { runSeeds } from "./run-seeds.ts";
import type { ScenarioKind } from "./scenario/draw-scenario.ts";
import { createWorldSite, simulateSeed } from "./simulate-seed.ts";

const root = join(import.meta.dirname, "../..");

/** Seeds that have failed once. */
const regressions: readonly (readonly [ScenarioKind, number])[] = [
  // A new life of a server was asked how the shards of the life before it were, and its answer ended the run.
  ["small", 1318],
  ["small", 1401],
  // A coordinator died when it had written that a worker was gone, and not yet that its batches were free.
  ["small", 5137],
  // A server had caught up with a primary that had not read yet what it went on from.
  ["hot", 175],
];

describe("clusters drawn from seeds", () => {
  it("lose nothing, count nothing twice and end, a thousand of them", { timeout: 600_000 }, async () => {
    const { seeds, broken } = await runSeeds({ scenario: "small", from: 1, count: 1000, processes: 2 });
    expect(broken.map(({ seed, violations }) => `${seed}: ${violations.join("; ")}`)).toEqual([]);
    expect(seeds).toBe(1000);
  });

  it.each([
    ["fail-over", 100],
    ["large", 10],
    ["snapshots", 60],
    ["elastic", 60],
    ["lossy", 60],
    ["memory", 60],
  ] as const)("do so where more happens (%s)", { timeout: 600_000 }, async (scenario, count) => {
    const { broken } = await runSeeds({ scenario, from: 1, count, processes: 2 });
    expect(broken.map(({ seed, violations }) => `${seed}: ${violations.join("; ")}`)).toEqual([]);
  });

  it("do so where key ranges are too hot, and are cut", { timeout: 600_000 }, async () => {
    const { broken, cuts } = await runSeeds({ scenario: "hot", from: 1, count: 100, processes: 2 });
    expect(broken.map(({ seed, violations }) => `${seed}: ${violations.join("; ")}`)).toEqual([]);
    expect(cuts).toBeGreaterThan(50);
  });

  // What they did when they broke something; drawn otherwise they are seeds like others.
  it.each(regressions)("do not break again (%s %i)", { timeout: 60_000 }, async (kind, seed) => {
    const { violations } = await simulateSeed(kind, seed, await createWorldSite());
    expect(violations).toEqual([]);
  });

  it("do the same when they are played again, event by event", { timeout: 120_000 }, async () => {
    const site = await createWorldSite();
    for (const [kind, seed] of [
      ["small", 4],
      ["fail-over", 5],
      ["large", 1],
      ["snapshots", 2],
      ["elastic", 3],
      ["hot", 3],
      ["lossy", 3],
      ["memory", 3],
    ] as const) {
      const first = await simulateSeed(kind, seed, site, true);
      const again = await simulateSeed(kind, seed, site, true);
      expect(again.trace.join("\n")).toBe(first.trace.join("\n"));
      expect(first.trace.length).toBeGreaterThan(200);
    }
  });
});

describe("a planted fault", () => {
  it.each(mutations)("is one of the sources that are: $name", ({ name, edits }) => {
    for (const edit of edits) {
      const source = readFileSync(join(root, edit.file), "utf8");
      expect(apply(source, edit, name)).not.toBe(source);
    }
  });

  // Most are found by the first few seeds, so that loading the sources takes longest: one process for each fault.
  it.concurrent.each(mutations)("is found: $name, within $within seeds", { timeout: 600_000 }, async (mutation) => {
    const { name, scenario, within } = mutation;
    const { broken } = await runSeeds({ scenario, from: 1, count: within, processes: 1, mutation: name, first: true });
    expect(broken.length).toBeGreaterThan(0);
  });
});
