/** A server that lives and never catches up with a copy: others are filled instead, and shards go on moving. */
import { expect, test } from "vitest";
import { calmBus, calmData, calmStore, settings } from "./scenario/conditions.ts";
import { outlineJob } from "./scenario/outline.ts";
import type { Mishap, Scenario } from "./scenario/scenario.ts";
import { createWorldSite, simulateScenario } from "./simulate-seed.ts";

const site = await createWorldSite();

/** One server has all shards; others come, of which the first is never filled. */
function scenario(replicas: number, mishaps: readonly Mishap[]): Scenario {
  const job = outlineJob({
    ...{ consistency: { mode: "synchronous" }, slots: 2, epochs: 60, shards: 2, durability: { replicas }, seed: 3 },
    workers: 2,
  });
  return {
    ...{ name: `slow learner, ${replicas} copies`, job, slots: 2, samples: 24, servers: 1, workers: 2 },
    settings: { ...settings, balanceMs: 100, fillStallMs: 1_000, fillLimitMs: 4_000 },
    ...{ coordinators: 1, bus: calmBus, data: calmData, store: calmStore, limitMs: 60_000 },
    mishaps: mishaps.map((mishap, index) => ({ when: { atMessage: 100 + index }, mishap })),
  };
}

const never: Mishap = { kind: "never filled", node: "server-2", forMs: 60_000 };
const join = (number: number): Mishap => ({ kind: "join", node: `server-${number}` });

test.each([0, 1])("is given up by name, and another server takes its place (%i copies)", async (replicas) => {
  const drawn = scenario(replicas, [never, join(2), join(3)]);
  const { violations, phase, trace } = await simulateScenario("elastic", 0, drawn, site, true);
  expect(violations).toEqual([]);
  expect(phase).toBe("completed");
  const notes = trace.filter((line) => line.includes("shard "));
  const givenUp = notes.findIndex((line) => /server-2 has not caught up with shard \d in 1\.\d s/.test(line));
  expect(givenUp).toBeGreaterThan(0);
  expect(notes.slice(0, givenUp).some((line) => line.includes("server-2 is filled"))).toBe(true);
  const later = notes.slice(givenUp);
  expect(later.some((line) => line.includes("server-3 has caught up and is a replica"))).toBe(true);
});
