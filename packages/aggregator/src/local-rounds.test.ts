/** Local privacy: each client adds its own noise, and what its contributions come to is counted by the client. */
import { createMemoryStore, createRandom, simulate } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import {
  contributionOf,
  emptyLedger,
  epsilonOf,
  parseAggregationPolicy,
  planLocalPrivacy,
  spend,
} from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { createAggregatorScene, playSteps } from "../../../test/support/aggregator-scene.ts";
import { createMemorySnapshots } from "../../../test/support/memory-snapshots.ts";
import type { PlayedClientOptions } from "../../../test/support/played-client.ts";
import { descriptionOf, settingsFor, taskSize as size } from "../../../test/support/played-task.ts";
import { beginTask, type TaskSources } from "./begin-task.ts";
import { taskKey, type TaskRecord } from "./keeper/task-record.ts";

const localOf = (budget: number | null) =>
  planLocalPrivacy({ name: "local", epsilon: 1, delta: 1e-5, clip: 1, budget });
const epsilonAfter = (contributions: number): number =>
  epsilonOf(spend(emptyLedger(), contributionOf(localOf(null)), contributions), 1e-5).epsilon;
const settingsOf = (budget: number | null, clients = 3) => {
  const plan = { goal: clients, minimum: clients, invited: clients };
  return settingsFor(plan, { localPrivacy: localOf(budget) });
};
type Scene = ReturnType<typeof createAggregatorScene>;

/** Steps [first, steps), as far as the run goes, and the last round told. */
async function play(
  scene: Scene,
  names: readonly string[],
  { steps, first = 0, own = {} }: { steps: number; first?: number; own?: Partial<PlayedClientOptions> },
) {
  const work = async () => {
    const aggregator = await scene.open();
    for (const name of names) scene.join(name, 1, own);
    const outcome = await playSteps(aggregator, steps, first);
    await aggregator.evaluated(outcome.values, { accuracy: 0, loss: 0 });
    await aggregator.close();
    return outcome;
  };
  return simulate(scene.clock, work(), { maximumSteps: 2_000_000 });
}

const told = ({ records }: Scene) => records.map(({ body }) => body.epsilon);
const costs = ({ records }: Scene) => records.map(({ body }) => body.ledger?.rounds);

describe("local privacy over rounds", () => {
  it("is told with each round, and never ends a run that has no budget", async () => {
    const scene = createAggregatorScene(settingsOf(null));
    const { steps, error } = await play(scene, ["a", "b", "c"], { steps: 12 });
    expect([steps, error]).toEqual([12, undefined]);
    const expected = Array.from({ length: 12 }, (_, at) => epsilonAfter(at + 1));
    told(scene).forEach((epsilon, at) => expect(epsilon).toBeCloseTo(expected[at] ?? 0, 10));
    expect(scene.closed.map(({ epsilon }) => epsilon)).toEqual(told(scene));
  });

  it.each([1, 2, 7])("ends the run before a contribution that would pass the budget: it has %d", async (affordable) => {
    const budget = (epsilonAfter(affordable) + epsilonAfter(affordable + 1)) / 2;
    const scene = createAggregatorScene(settingsOf(budget));
    const { steps, error } = await play(scene, ["a", "b", "c"], { steps: 50 });
    expect(steps).toBe(affordable);
    expect(isShoalError(error, "privacy_budget_spent")).toBe(true);
    expect(String(error)).toContain(`a client's contribution ${affordable + 1} would bring ε to`);
    const spent = told(scene).map((epsilon) => epsilon ?? Infinity);
    expect(spent).toHaveLength(affordable);
    expect(spent).toEqual(spent.toSorted((one, other) => one - other));
    expect(spent.at(-1)).toBeLessThanOrEqual(budget);
  });

  it("costs a client what it has contributed itself, in rounds that come to nothing as well", async () => {
    const scene = createAggregatorScene(settingsOf(null, 2));
    const names = Array.from({ length: 12 }, (_, index) => `c${index}`);
    let vanished = 0;
    const vanishes = (): boolean => vanished < 6 && ++vanished > 0;
    await play(scene, names, { steps: 30, own: { vanishes, awayMs: 3_000 } });
    const outcomes = scene.records.map(({ body }) => body.outcome);
    expect(outcomes).toContain("abandoned");
    const taken = new Map<string, number>();
    scene.records.forEach(({ body }) => {
      for (const name of body.asked.list) taken.set(name, (taken.get(name) ?? 0) + 1);
    });
    // All who were asked took part: the one that was asked most, which is far from all rounds.
    expect(costs(scene).at(-1)).toBe(Math.max(...taken.values()));
    expect(costs(scene).at(-1)).toBeLessThan(outcomes.length / 2);
    const spent = told(scene).map((epsilon) => epsilon ?? Infinity);
    expect(spent).toEqual(spent.toSorted((one, other) => one - other));
  });
});

describe("local privacy, whatever the order of things", () => {
  const buffered = { arrival: "buffer", carriesOver: true, maximumStaleness: 8, goal: 2, minimum: 2 } as const;
  const ways = {
    rounds: () => ({ plan: { goal: 3, minimum: 2, invited: 4 }, others: {} }),
    buffers: () => ({
      plan: { ...buffered, invited: 5 },
      others: { policy: parseAggregationPolicy({ name: "fedbuff", buffer: 2 }) },
    }),
  };

  /** Clients vanish and decline by chance, and aggregators are closed in the middle of things; until the budget is spent. */
  async function history(way: keyof typeof ways, seed: number) {
    const random = createRandom(`${way} ${seed}`);
    const budget = epsilonAfter(4) * 1.01;
    const { plan, others } = ways[way]();
    const scene = createAggregatorScene(settingsFor(plan, { ...others, localPrivacy: localOf(budget) }));
    const own = () => ({
      trainMs: 5 + random.integer(120),
      awayMs: 500 + random.integer(2_000),
      vanishes: () => random.uniform() < 0.2,
      declines: () => (random.uniform() < 0.1 ? ("training" as const) : undefined),
    });
    const work = async () => {
      const clients = Array.from({ length: 8 }, (_, index) => scene.join(`c${index}`, 1, own()));
      for (let step = 0; ;) {
        const aggregator = await scene.open();
        const ends = scene.clock.after(300 + random.integer(3_000), () => void aggregator.close());
        const outcome = await playSteps(aggregator, Infinity, step);
        ends.cancel();
        await aggregator.close();
        step = outcome.steps;
        if (isShoalError(outcome.error, "privacy_budget_spent")) return clients.map(({ rounds }) => rounds.length);
        if (!isShoalError(outcome.error, "cancelled")) throw outcome.error;
      }
    };
    const contributed = await simulate(scene.clock, work(), { forMs: 3_600_000, maximumSteps: 5_000_000 });
    const record = (await scene.store.get(taskKey("r1")))?.value as TaskRecord;
    return { budget, contributed, spent: told(scene), cost: record.lasting.ledger?.rounds ?? 0 };
  }

  it.each(["rounds", "buffers"] as const)(
    "ε never falls, never passes the budget, and is of no fewer contributions than any client made: %s",
    async (way) => {
      for (let seed = 0; seed < 5; seed += 1) {
        const { budget, contributed, spent, cost } = await history(way, seed);
        const known = spent.map((epsilon) => epsilon ?? Infinity);
        expect(known).toEqual(known.toSorted((one, other) => one - other));
        expect(known.at(-1)).toBeLessThanOrEqual(budget);
        // It stops with the fourth contribution of some client, and not before.
        expect([cost, Math.max(...contributed) <= cost]).toEqual([4, true]);
      }
    },
  );
});

describe("what contributions have cost", () => {
  const names = ["a", "b", "c", "d", "e", "f"];

  it("is known to whoever goes on in the cluster, by client", async () => {
    const store = createMemoryStore();
    const scene = () => createAggregatorScene(settingsOf(null, 2), { store });
    const [first, second] = [scene(), scene()];
    await play(first, names, { steps: 6 });
    await play(second, names, { steps: 12, first: 6 });
    const asked = [...first.records, ...second.records.filter(({ body }) => body.step >= 6)];
    const taken = names.map((name) => asked.filter(({ body }) => body.asked.list.includes(name)).length);
    expect(costs(second).at(-1)).toBe(Math.max(...taken));
    const record = (await store.get(taskKey("r1")))?.value as TaskRecord;
    const known = record.lasting.counts?.clients.map(([, count]) => count) ?? [];
    const byNumber = (one: number, other: number): number => one - other;
    expect(known.toSorted(byNumber)).toEqual(taken.filter((count) => count > 0).toSorted(byNumber));
  });

  it("is the most of any client for each of them on a cluster that has the account alone, and never less", async () => {
    const snapshots = createMemorySnapshots();
    const scene = () => createAggregatorScene(settingsOf(null), { snapshots });
    const [first, second] = [scene(), scene()];
    await play(first, ["a", "b", "c"], { steps: 4 });
    expect(costs(first)).toEqual([1, 2, 3, 4]);
    // Others come, of whom nobody knows that they are.
    await play(second, ["d", "e", "f"], { steps: 6, first: 4 });
    expect(costs(second)).toEqual([5, 6]);
    expect(second.records.map(({ body }) => body.round)).not.toContain(4);
  });

  it("is as many as there were rounds where a release before did not count", async () => {
    const store = createMemoryStore();
    const before = createAggregatorScene(settingsOf(null), { store });
    await play(before, ["a", "b", "c"], { steps: 3 });
    const found = await store.get(taskKey("r1"));
    if (found === undefined) throw new Error("nothing is in the store");
    const record = found.value as TaskRecord;
    const { counts: _, ...lasting } = record.lasting;
    await store.update(taskKey("r1"), { ...record, lasting: { ...lasting, ledger: null } }, found.revision);
    const after = createAggregatorScene(settingsOf(null), { store });
    await play(after, ["a", "b", "c"], { steps: 5, first: 3 });
    expect(costs(after).slice(-2)).toEqual([4, 5]);
  });

  it("is known beside the snapshots or in a log where a release before did not count, or the run does not go on", async () => {
    const settings = settingsOf(null);
    const begun = async (sources: Partial<TaskSources>) => {
      const none = { lastRecord: undefined, account: undefined, saved: undefined };
      const { lasting } = await beginTask(settings, descriptionOf(settings), async () => ({ ...none, ...sources }));
      return lasting.ledger?.rounds;
    };
    const account = { format: 1, run: "r1", rounds: 13, ledger: null } as const;
    const scene = createAggregatorScene(settings);
    await play(scene, ["a", "b", "c"], { steps: 3 });
    const last = scene.records.at(-1);
    if (last === undefined) throw new Error("no round was told");
    const lastRecord = { ...last, body: { ...last.body, ledger: null } };
    expect(await begun({ account })).toBe(13);
    expect(await begun({ lastRecord })).toBe(4); // and one that may not stand there
    expect(await begun({})).toBe(0);
    const other = createAggregatorScene(settings);
    const { error } = await play(other, ["a"], { steps: 9, first: 8 });
    expect(isShoalError(error, "data_not_found")).toBe(true);
  });

  it("does not grow by a contribution that is announced twice, or sent again", async () => {
    const scene = createAggregatorScene(settingsOf(null, 2));
    const work = async () => {
      const first = await scene.open();
      for (const name of ["a", "b"]) scene.join(name, 1, { trainMs: 100 });
      const values = new Float32Array(size);
      const step = { step: 0, version: 0, parameters: values, gradient: new Float32Array(size) };
      const lost = first.aggregate(step).catch(() => undefined);
      await new Promise<void>((resolve) => scene.clock.after(90, resolve));
      await first.close();
      await lost;
      const second = await scene.open();
      await second.aggregate(step);
      const record = (await scene.store.get(taskKey("r1")))?.value as TaskRecord;
      await second.close();
      return record.lasting.ledger?.rounds;
    };
    expect(await simulate(scene.clock, work())).toBe(1);
  });
});
