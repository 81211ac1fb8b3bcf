import { describe, expect, it } from "vitest";
import { addServer, addWorker, cluster, error, asynchronous, expectCleanedUp, expectDone } from "./coordinator-cast.ts";
import { Stage } from "./coordinator-stage.ts";

describe("the coordinator", () => {
  it("names the server whose loss ended a run, and tells the workers to stop", async () => {
    const cast = await cluster(2, 2, {}, { batchMs: 100 });
    const run = await cast.stage.submit();
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    await cast.stage.crash("server-2");
    const status = await cast.stage.until(run, ["failed"], 4000);
    expect(status.error).toMatchObject({ code: "server_lost", details: { server: "server-2" } });
    expect(status.reason).toMatch(new RegExp(`^server-2 held shards \\d, \\d of run ${run} and is lost: `));
    await expectCleanedUp({ ...cast, servers: cast.servers.slice(0, 1) }, run);
  });

  it("runs one job after the other and says what the second waits for", async () => {
    const cast = await cluster(2, 1);
    const first = await cast.stage.submit({ name: "first" });
    const second = await cast.stage.submit({ name: "second" });
    await cast.stage.until(first, ["training"]);
    expect(await cast.stage.status(second)).toMatchObject({
      phase: "queued",
      reason: `waiting for run ${first}, which is training`,
    });
    await expectDone(cast, first);
    await expectDone(cast, second);
  });

  it("says which members a run is missing, and starts when they are there", async () => {
    const stage = new Stage();
    const run = await stage.submit({ workers: 2 });
    await stage.pass(300);
    expect((await stage.status(run)).reason).toBe("waiting for 2 more workers (0 of 2) and a server (none is alive)");
    const servers = [addServer(stage, "server-1")];
    const first = addWorker(stage, "worker-1");
    await stage.pass(500);
    expect((await stage.status(run)).reason).toBe("waiting for 1 more worker (1 of 2)");
    await expectDone({ stage, servers, workers: [first, addWorker(stage, "worker-2")] }, run);
  });

  it("gives a run up whose members never come", async () => {
    const stage = new Stage({ settings: { gatherTimeoutMs: 5000 } });
    const run = await stage.submit();
    const status = await stage.until(run, ["failed"], 6000);
    expect(status.error?.code).toBe("no_capacity");
    expect(status.reason).toContain("a server (none is alive)");
  });

  it("fails a run that has no worker for too long", async () => {
    const cast = await cluster(1, 1, { settings: { capacityTimeoutMs: 5000 } });
    const run = await cast.stage.submit();
    await cast.stage.until(run, ["training"]);
    await cast.stage.crash("worker-1");
    const status = await cast.stage.until(run, ["failed"], 10_000);
    expect(status.error?.code).toBe("no_capacity");
    await expectCleanedUp({ ...cast, workers: [] }, run);
  });

  it("cancels a run in every phase", async () => {
    const cast = await cluster(2, 1);
    const training = await cast.stage.submit();
    const queued = await cast.stage.submit();
    await cast.stage.untilStatus(training, (status) => status.batchesDone > 10);
    await cast.stage.cancel(queued);
    await cast.stage.cancel(training);
    await cast.stage.cancel(training);
    expect(await cast.stage.status(queued)).toMatchObject({ phase: "cancelled", reason: "cancelled while queued" });
    expect(await cast.stage.status(training)).toMatchObject({ phase: "cancelled", reason: "cancelled while training" });
    await expectCleanedUp(cast, training);
    const next = await cast.stage.submit();
    await expectDone(cast, next);
  });

  it("accepts a repeated submission as the same run", async () => {
    const cast = await cluster(1, 1, { network: { duplicateRate: 1 } });
    const run = await cast.stage.submit();
    await expectDone(cast, run);
    expect((await cast.stage.describe()).runs.map((each) => each.run)).toEqual([run]);
  });

  it("refuses more runs than may wait", async () => {
    const stage = new Stage({ settings: { queuedRuns: 2 } });
    await stage.submit();
    await stage.submit();
    await expect(stage.submit()).rejects.toThrow(/2 runs are waiting already, at most 2 may/);
  });

  it("remembers as many finished runs as it is told to", async () => {
    const stage = new Stage({ settings: { finishedRuns: 2 } });
    const runs: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      const run = await stage.submit();
      await stage.cancel(run);
      runs.push(run);
      await stage.pass(10);
    }
    expect((await stage.describe()).runs.map((each) => each.run)).toEqual(runs.slice(2));
    await stage.pass(1000);
    expect(await stage.store.keys("runs/")).toEqual(runs.slice(2).map((run) => `runs/${run}`));
  });

  it("names the server that cannot host, and the one that does not answer", async () => {
    const failing = new Stage();
    addServer(failing, "server-1", { failsWith: error("out_of_memory", "no region of 31 MB") });
    addWorker(failing, "worker-1");
    const refused = await failing.until(await failing.submit(), ["failed"]);
    expect(refused.error).toMatchObject({ code: "out_of_memory", details: { member: "server-1" } });
    expect(refused.reason).toBe("server-1: no region of 31 MB");

    const mute = new Stage({ settings: { serverTimeoutMs: 3000 } });
    addServer(mute, "server-1", { isMute: true });
    addWorker(mute, "worker-1");
    const silent = await mute.until(await mute.submit(), ["failed"]);
    expect(silent.error).toMatchObject({ code: "deadline_exceeded", details: { waitingFor: "server-1" } });
  });

  it("names the worker whose data differ from the others'", async () => {
    const stage = new Stage();
    const servers = [addServer(stage, "server-1")];
    const workers = [addWorker(stage, "worker-1"), addWorker(stage, "worker-2", { samples: 999, loadMs: 200 })];
    const run = await stage.submit({ workers: 2 });
    const status = await stage.until(run, ["failed"]);
    expect(status.error).toMatchObject({ code: "data_corrupt", details: { member: "worker-2" } });
    expect(status.reason).toContain("worker-2 has 999 training samples");
    await expectCleanedUp({ stage, servers, workers }, run);
  });

  it("fails a run for a worker's hopeless error and names the worker", async () => {
    const stage = new Stage();
    addServer(stage, "server-1");
    addWorker(stage, "worker-1", { refuses: error("data_not_found", "no MNIST in /data") });
    const refused = await stage.until(await stage.submit(), ["failed"]);
    expect(refused.error).toMatchObject({ code: "data_not_found", details: { member: "worker-1" } });

    const failing = await cluster(1, 1);
    const wrong = error("layout_mismatch", "the gradient has 3 values");
    addWorker(failing.stage, "worker-2", { failsAfter: { batches: 10, error: wrong } });
    const status = await failing.stage.until(await failing.stage.submit({ workers: 2 }), ["failed"]);
    expect(status.reason).toBe("worker-2: the gradient has 3 values");
  });

  it("goes on without a worker whose gradient is NaN, and names it", async () => {
    const cast = await cluster(1, 1);
    const nan = error("not_finite", "the gradient of clock 3 holds NaN");
    const broken = addWorker(cast.stage, "worker-2", { failsAfter: { batches: 10, error: nan } });
    const run = await cast.stage.submit({ workers: 2 });
    const status = await cast.stage.untilStatus(run, ({ batchesDone }) => batchesDone > 60);
    expect(status.reason).toContain("without worker-2: [not_finite] the gradient of clock 3 holds NaN");
    await expectDone({ ...cast, workers: [...cast.workers, broken] }, run);
  });

  it("fails a run in which two workers meet NaN one after the other, and says what the reason may be", async () => {
    const { stage } = await cluster(0, 1);
    const nan = error("not_finite", "the gradient of clock 3 holds NaN");
    addWorker(stage, "worker-1", { failsAfter: { batches: 10, error: nan } });
    addWorker(stage, "worker-2", { failsAfter: { batches: 14, error: nan } });
    const status = await stage.until(await stage.submit({ workers: 2 }), ["failed"]);
    expect(status.error?.code).toBe("not_finite");
    expect(status.reason).toMatch(
      /^worker-[12]: the gradient of clock 3 holds NaN, as it was on worker-[12] \(since step \d+; the learning rate is/,
    );
  });

  it("goes on without a worker whose error may heal, and without a late one that has no data", async () => {
    const cast = await cluster(1, 1);
    const lost = error("transport_lost", "server-1 hung up");
    const flaky = addWorker(cast.stage, "worker-2", { failsAfter: { batches: 10, error: lost } });
    const run = await cast.stage.submit({ workers: 2 });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 40);
    expect(flaky.busy.size).toBe(0);
    addWorker(cast.stage, "worker-3", { refuses: error("data_not_found", "no MNIST in /data") });
    await expectDone({ ...cast, workers: [...cast.workers, flaky] }, run);
  });

  it("fails a run that stands still and names whom it waits for", async () => {
    const cast = await cluster(2, 1, { settings: { stallTimeoutMs: 5000 } });
    const stuck = addWorker(cast.stage, "worker-3", { batchMs: 60_000 });
    const run = await cast.stage.submit({ workers: 3, consistency: asynchronous });
    const status = await cast.stage.until(run, ["failed"]);
    expect(status.error).toMatchObject({ code: "deadline_exceeded", details: { waitingFor: "worker-3" } });
    await expectCleanedUp({ ...cast, workers: [...cast.workers, stuck] }, run);
  });

  it("tells the cluster's state", async () => {
    const cast = await cluster(1, 1);
    const run = await cast.stage.submit();
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 50);
    await cast.stage.pass(10);
    const status = await cast.stage.status(run);
    expect(status.samplesPerSecond).toBeGreaterThan(500);
    expect(status.loss).toBeGreaterThan(0);
    expect(status).toMatchObject({ name: "play", dataSource: "played samples", totalSteps: 200 });
    const { members, cluster: name } = await cast.stage.describe();
    expect(name).toBe("stage");
    expect(members.map(({ name: node, role, alive }) => `${node} ${role} ${alive}`).toSorted()).toEqual([
      "server-1 server true",
      "worker-1 worker true",
    ]);
  });
});
