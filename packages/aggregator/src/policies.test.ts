import { simulate } from "@shoal/actors";
import { parseAggregationPolicy, parseRobustRule } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createAggregatorScene, playSteps } from "../../../test/support/aggregator-scene.ts";
import { settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
describe("a buffer", () => {
  const buffered = { arrival: "buffer", carriesOver: true, maximumStaleness: 8 } as const;

  it("takes what began earlier, with less weight, and keeps slow clients training", async () => {
    const policy = parseAggregationPolicy({ name: "fedbuff", buffer: 2 });
    const scene = createAggregatorScene(settingsFor({ ...buffered, goal: 2, minimum: 2, invited: 4 }, { policy }));
    const work = async () => {
      const aggregator = await scene.open();
      const fast = ["a", "b", "c"].map((name) => scene.join(name, 2, { trainMs: 20 }));
      const slow = scene.join("slow", 2, { trainMs: 150 });
      const { values, error } = await playSteps(aggregator, 14);
      await aggregator.close();
      return { values, error, fast, slow };
    };
    const { values, error, slow } = await simulate(scene.clock, work());
    expect(error).toBeUndefined();
    expect(slow.answers.filter(({ kind }) => kind === "accepted").length).toBeGreaterThan(0);
    // Each step goes at least a third of the way, staleness included.
    expect(Math.abs((values[0] ?? 0) - 2)).toBeLessThan(2 * 0.67 ** 10);
  });

  it("of one mixes whole models: stale ones with the values that they began with", async () => {
    const policy = parseAggregationPolicy({ name: "fedasync", mixing: 0.5, staleness: { name: "constant" } });
    const scene = createAggregatorScene(settingsFor({ ...buffered, goal: 1, minimum: 1, invited: 3 }, { policy }));
    const work = async () => {
      const aggregator = await scene.open();
      ["a", "b", "c"].map((name, index) => scene.join(name, 4, { trainMs: 10 + 25 * index }));
      const { values, error } = await playSteps(aggregator, 12);
      await aggregator.close();
      return { values, error };
    };
    const { values, error } = await simulate(scene.clock, work());
    expect(error).toBeUndefined();
    // A mean of models that lie between their base and 4 lies there, too.
    expect(values[0]).toBeGreaterThan(3);
    expect(values[0]).toBeLessThanOrEqual(4);
  });

  it("goes on after a take-over: what cannot be mixed any more is let go, the rest is sent again", async () => {
    for (const name of ["fedbuff", "fedasync"] as const) {
      const goal = name === "fedbuff" ? 2 : 1;
      const policy = parseAggregationPolicy(name === "fedbuff" ? { name, buffer: goal } : { name, mixing: 0.5 });
      const scene = createAggregatorScene(settingsFor({ ...buffered, goal, minimum: goal, invited: 4 }, { policy }));
      const work = async () => {
        let values = new Float32Array(size);
        for (const client of ["a", "b", "c", "d"])
          scene.join(client, 4, { trainMs: 10 + ((15 * client.charCodeAt(0)) % 60) });
        for (let step = 0; step < 12; step += 3) {
          const aggregator = await scene.open();
          const outcome = await playSteps(aggregator, step + 3, step, values);
          expect(outcome.error).toBeUndefined();
          ({ values } = outcome);
          await aggregator.close();
        }
        return values;
      };
      const values = await simulate(scene.clock, work(), { forMs: 300_000 });
      expect(values[0], name).toBeGreaterThan(2.5);
      expect(values[0], name).toBeLessThan(5);
    }
  });
});

describe("centred clipping", () => {
  const radius = 0.1;
  const settings = settingsFor(
    { goal: 3, minimum: 3, invited: 3 },
    { robust: parseRobustRule({ name: "centred_clipping", radius, iterations: 1 }) },
  );

  /** Values after four steps; another aggregator takes over after each `every` of them. */
  async function trained(every: number): Promise<readonly Float32Array[]> {
    const scene = createAggregatorScene(settings);
    const work = async () => {
      const after: Float32Array[] = [];
      let values = new Float32Array(size);
      for (const [index, name] of ["a", "b", "c"].entries()) scene.join(name, 20 + index);
      for (let step = 0; step < 4; step += every) {
        const aggregator = await scene.open();
        for (let at = step; at < step + every; at += 1) {
          ({ values } = await playSteps(aggregator, at + 1, at, values.slice()));
          after.push(values);
        }
        await aggregator.close();
      }
      return after;
    };
    return simulate(scene.clock, work());
  }

  it("begins each round where the last one ended, also after a take-over", async () => {
    const values = await trained(4);
    // All point the same way, far off: each update is longer than the last one by the radius.
    const moved = values.map((now, at) => Math.hypot(...now.map((value, key) => value - (values[at - 1]?.[key] ?? 0))));
    moved.forEach((norm, at) => expect(norm).toBeCloseTo(radius * (at + 1), 5)); // float32
    expect(await trained(1)).toEqual(values);
    expect(await trained(2)).toEqual(values);
  });
});

describe("a round whose contributions cannot be used", () => {
  it("is abandoned, and the next one played: nobody waits for ever", async () => {
    // Of what is stale nothing is taken, and the two slow ones come together.
    const staleness = { name: "threshold", cutoff: 0, value: 0 };
    const policy = parseAggregationPolicy({ name: "fedbuff", buffer: 2, divideBy: "weights", staleness });
    const plan = {
      arrival: "buffer",
      carriesOver: true,
      maximumStaleness: 8,
      goal: 2,
      minimum: 2,
      invited: 4,
    } as const;
    const scene = createAggregatorScene(settingsFor(plan, { policy }));
    const told: string[] = [];
    scene.plane.connect("witness").listen((notice) => {
      if (notice.type === "rounds_closed") told.push(...notice.summaries.map(({ reason }) => reason));
    });
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b", "slow", "slower"]) scene.join(name, 1, { trainMs: name.startsWith("s") ? 25 : 10 });
      const { steps } = await playSteps(aggregator, 3);
      await aggregator.close();
      // Until the last of what was told has come.
      await new Promise<void>((resolve) => void scene.clock.after(10, resolve));
      return steps;
    };
    expect(await simulate(scene.clock, work(), { forMs: 60_000 })).toBe(3);
    const abandoned = scene.closed.filter(({ outcome }) => outcome === "abandoned");
    expect(abandoned[0]?.reason).toBe("0 contributions could be used, at least 1 is needed");
    // Whose they were is for the log: clients hear of nobody else.
    const [record] = scene.records.filter(({ body }) => body.outcome === "abandoned");
    expect(record?.body.dropped.list).toContainEqual(
      expect.objectContaining({ client: "slow", reason: expect.stringMatching(/^of staleness \d/) as string }),
    );
    expect(told).toContain(abandoned[0]?.reason);
    expect(told.filter((reason) => /slow/.test(reason))).toEqual([]);
  });

  it("goes without an update so long that its square is no number, though the task names no bound", async () => {
    const policy = parseAggregationPolicy({ name: "fednova", goal: 2 });
    const plan = { goal: 2, minimum: 2, invited: 3, reportingTimeoutMs: 60_000 };
    const scene = createAggregatorScene(settingsFor(plan, { policy, normBound: null }));
    const work = async () => {
      const aggregator = await scene.open();
      const liar = scene.join("liar", 1, { bend: (update) => update.fill(3e38), trainMs: 1 });
      for (const name of ["a", "b"]) scene.join(name, 1, { trainMs: 5 });
      const { values } = await playSteps(aggregator, 1);
      await aggregator.close();
      return { values, answers: liar.answers };
    };
    const { values, answers } = await simulate(scene.clock, work(), { forMs: 60_000 });
    expect(answers).toMatchObject([{ kind: "rejected", cause: "norm_too_large" }]);
    expect([...values]).toEqual(Array.from(values, () => 0.5));
  });

  it("is abandoned when the run goes back to an earlier step", async () => {
    const scene = createAggregatorScene(settingsFor({ goal: 2, minimum: 2, invited: 2 }));
    const work = async () => {
      const aggregator = await scene.open();
      for (const name of ["a", "b"]) scene.join(name, 1);
      const { values } = await playSteps(aggregator, 3);
      const again = await playSteps(aggregator, 2, 1, values);
      await aggregator.close();
      return again;
    };
    expect(await simulate(scene.clock, work())).toMatchObject({ steps: 2, error: undefined });
    expect(scene.closed.map(({ outcome }) => outcome)).toEqual(["committed", "committed", "abandoned"]);
  });
});
