/** Whole trainings drawn from seeds; `scripts/soak.ts` plays more of them. */
import { describe, expect, it } from "vitest";
import { createTrainingSite } from "../support/training-cluster.ts";
import { play } from "./training-play.ts";
import { drawScenario, trainingKinds, type TrainingKind } from "./training-scenario.ts";

const site = await createTrainingSite();

/** Seeds that once broke something, and what. */
const regressions: readonly (readonly [TrainingKind, number, string])[] = [
  ["synchronous", 18, "a step that a dead worker left half applied was given to a worker without its values"],
  ["synchronous", 43, "the same, while three workers that had its values waited"],
  ["bounded-0", 69, "a finishing run whose worker died left out those who had come before that"],
  ["synchronous", 33, "a server whose join was repeated joined once more, and its run failed"],
];

/** Of each kind; the soak plays more. */
const seeds = [1, 2];

describe("a training on a bad network", () => {
  it.each(trainingKinds.flatMap((kind) => seeds.map((seed) => [kind, seed] as const)))(
    "ends, with every batch counted once (%s, seed %i)",
    async (kind, seed) => {
      expect((await play(drawScenario(kind, seed), site)).violations).toEqual([]);
    },
  );

  it.each(regressions)("goes on to its end (%s, seed %i: %s)", async (kind, seed) => {
    const { status, violations, longestStallMs } = await play(drawScenario(kind, seed), site);
    expect(violations).toEqual([]);
    expect(status).toMatchObject({ phase: "completed" });
    expect(longestStallMs).toBeLessThan(30_000);
  });

  it("loses no step when the workers of a synchronous run leave and others come", async () => {
    for (const seed of [3, 7]) {
      const drawn = drawScenario("synchronous", seed);
      const leaves = [1000, 1300].map((atMs, index) => {
        return { atMs, mishap: { kind: "leave", worker: `worker-${index + 1}` } } as const;
      });
      const mishaps = [...leaves, { atMs: 3000, mishap: { kind: "join", worker: "worker-3" } } as const];
      const job = { ...drawn.job, workers: 1, shards: 3, stop: { accuracy: null, metric: null, patience: null } };
      const calm = { leaseMs: 1000, linkLoss: 0, linkMs: 20 };
      const { status, violations } = await play({ ...drawn, ...calm, workers: 2, mishaps, job }, site);
      expect(violations).toEqual([]);
      expect(status?.phase).toBe("completed");
    }
  });

  it("goes on with the same bits when all have died who had the values of a half applied step", async () => {
    const { status, violations } = await play(drawScenario("synchronous", 24), site);
    expect(violations).toEqual([]);
    expect(status?.phase).toBe("completed");
  });
});
