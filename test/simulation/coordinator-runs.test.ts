import { describe, expect, it } from "vitest";
import { addWorker, cluster, asynchronous, expectCleanedUp, expectDone, total } from "./coordinator-cast.ts";

describe.each([
  ["synchronous", { mode: "synchronous" }],
  ["bounded", { mode: "bounded", staleness: 2 }],
  ["asynchronous", asynchronous],
] as const)("a %s run", (_, consistency) => {
  it("trains every batch once and ends with a result", async () => {
    const cast = await cluster(2, 2);
    const run = await cast.stage.submit({ consistency });
    await expectDone(cast, run);
    const pushes = [...cast.stage.shards.of(run).pushes.values()];
    expect(pushes.every((count) => count === 1)).toBe(true);
    expect(cast.stage.shards.of(run).refusals).toBe(0);
    expect(cast.workers.flatMap((worker) => worker.finished)).toEqual([run]);
  });

  it("ends within a lease and a second after a worker was killed in the middle", async () => {
    const alone = await cluster(3, 2);
    const undisturbed = await alone.stage.submit({ consistency });
    const startedAt = alone.stage.clock.now();
    await expectDone(alone, undisturbed);
    const usualMs = alone.stage.clock.now() - startedAt;

    const cast = await cluster(3, 2);
    const run = await cast.stage.submit({ consistency });
    const began = cast.stage.clock.now();
    await cast.stage.untilStatus(run, (status) => status.batchesDone > total / 4);
    await cast.stage.crash("worker-2");
    const rest = { ...cast, workers: cast.workers.filter((worker) => worker.name !== "worker-2") };
    await expectDone(rest, run);
    // The survivors do the work of three: at most half as long again.
    expect(cast.stage.clock.now() - began).toBeLessThan(usualMs * 1.5 + 2000 + 1000);
    for (const { hosted } of cast.servers) expect(hosted.size).toBe(0);
  });

  it("loses nothing when one message in ten is lost and a worker dies", { timeout: 120_000 }, async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const cast = await cluster(3, 2, { seed, network: { dropRate: 0.1, duplicateRate: 0.05, reorderRate: 0.05 } });
      const run = await cast.stage.submit({ consistency, workers: 3 });
      await cast.stage.untilStatus(run, (status) => status.batchesDone > total / 4);
      await cast.stage.crash("worker-1");
      const rest = { ...cast, workers: cast.workers.filter((worker) => worker.name !== "worker-1") };
      await expectDone(rest, run);
    }
  });

  it("gives a worker that comes late its part, and nobody restarts", async () => {
    const cast = await cluster(1, 1);
    const run = await cast.stage.submit({ consistency, slots: 4 });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    const late = addWorker(cast.stage, "late");
    await expectDone({ ...cast, workers: [...cast.workers, late] }, run);
    const status = await cast.stage.status(run);
    expect(cast.stage.shards.of(run).refusals).toBe(0);
    expect(status.workers.map((worker) => worker.name)).toEqual(["worker-1", "late"]);
    expect(status.workers[1]?.batches).toBeGreaterThan(20);
    expect(cast.workers[0]?.assignments[0]).toMatchObject({ initialize: true });
    expect(late.assignments.every((assignment) => !assignment.initialize)).toBe(true);
  });

  it("gives a late worker nothing to do before every server knows it", async () => {
    const cast = await cluster(1, 2, {}, { batchMs: 20 });
    const run = await cast.stage.submit({ consistency, slots: 4 });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    cast.stage.network.partition(["server-2"], ["coordinator"]);
    const late = addWorker(cast.stage, "late");
    await cast.stage.pass(1200);
    expect(late.busy.has(run)).toBe(true);
    expect(late.leases).toEqual([]);
    expect(late.assignments.flatMap((assignment) => assignment.slots)).toEqual([]);
    cast.stage.network.heal();
    await expectDone({ ...cast, workers: [...cast.workers, late] }, run);
    expect(cast.stage.shards.of(run).refusals).toBe(0);
  });

  it("waits for a worker when the last one dies, and goes on with the next", async () => {
    const cast = await cluster(1, 1);
    const run = await cast.stage.submit({ consistency });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    await cast.stage.crash("worker-1");
    await cast.stage.pass(4000);
    expect((await cast.stage.status(run)).reason).toMatch(
      /^waiting for a worker: none is alive since \d\.\d s; gone: worker-1$/,
    );
    const next = addWorker(cast.stage, "worker-2");
    await expectDone({ ...cast, workers: [next] }, run);
    expect(next.assignments.at(-1)?.initialize).toBe(true);
  });

  it("stops early when an evaluation says so, and tells why", async () => {
    const cast = await cluster(2, 1, {}, { accuracyAt: () => 0.99 });
    const run = await cast.stage.submit({ consistency, stop: { accuracy: 0.98 } });
    const status = await cast.stage.until(run, ["completed"]);
    expect(status.reason).toMatch(/^test accuracy 0.99 reached 0.98 at step \d+/);
    expect(status.evaluations).toHaveLength(1);
    expect(status.batchesDone).toBeLessThan(total);
    await expectCleanedUp(cast, run);
  });

  it("lets a member that was cut off and comes back take part as a new one", async () => {
    const cast = await cluster(2, 1);
    const run = await cast.stage.submit({ consistency });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    cast.stage.network.partition(["worker-2"], ["coordinator"]);
    await cast.stage.pass(2500);
    cast.stage.network.heal();
    await expectDone(cast, run);
    const { members } = await cast.stage.describe();
    expect(members.find((member) => member.name === "worker-2")).toMatchObject({ incarnation: 2, alive: true });
  });
});

describe("a bounded run", () => {
  it("does not let the worker that has no batches left hold back those that have", async () => {
    for (const staleness of [0, 1, 5]) {
      const cast = await cluster(1, 2);
      const fast = addWorker(cast.stage, "fast", { batchMs: 2 });
      const run = await cast.stage.submit({ consistency: { mode: "bounded", staleness }, workers: 2 });
      await expectDone({ ...cast, workers: [...cast.workers, fast] }, run);
      expect(cast.stage.shards.of(run).refusals).toBe(0);
    }
  });
});

describe("evaluations in asynchronous mode", () => {
  it("are made once an epoch by one worker, before a lease", async () => {
    const cast = await cluster(3, 1);
    const run = await cast.stage.submit({ consistency: asynchronous, epochs: 4 });
    const status = await cast.stage.until(run, ["completed"]);
    expect(status.evaluations).toHaveLength(3);
    expect(cast.workers.flatMap((worker) => worker.evaluated)).toHaveLength(3);
  });

  it("pass to another worker when the one that should make them is gone", async () => {
    const cast = await cluster(2, 1);
    const run = await cast.stage.submit({ consistency: asynchronous, evaluation: { everySteps: 50 } });
    const evaluators = (): number => cast.workers.findIndex((worker) => worker.evaluated.length > 0);
    // Its report is lost, and so is it.
    for (let waitedMs = 0; evaluators() < 0 && waitedMs < 20_000; waitedMs += 1) await cast.stage.pass(1);
    await cast.stage.crash(`worker-${evaluators() + 1}`);
    await cast.stage.until(run, ["completed"]);
    expect((await cast.stage.status(run)).evaluations.length).toBeGreaterThanOrEqual(2);
  });
});

it("is refused at its start when as many backups as slots would leave nothing to wait for", async () => {
  const cast = await cluster(3, 1);
  const run = await cast.stage.submit({ consistency: { mode: "synchronous" }, stragglers: { backup: 3 } });
  const status = await cast.stage.untilStatus(run, ({ phase }) => phase === "failed");
  expect(status.error).toMatchObject({ code: "invalid_job", details: { field: "job.stragglers.backup" } });
});
