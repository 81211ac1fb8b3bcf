import { describe, expect, it } from "vitest";
import { addWorker, cluster, expectDone } from "./coordinator-cast.ts";

describe("a coordinator that starts where another one was", () => {
  it("keeps what was waiting, and never gives a life twice", async () => {
    const cast = await cluster(2, 1);
    const run = await cast.stage.submit();
    const waiting = await cast.stage.submit({ name: "later" });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    await cast.stage.crash("coordinator");
    await cast.stage.crash("worker-2");
    await cast.stage.pass(500);
    cast.stage.startCoordinator();
    await cast.stage.pass(3000);
    const newcomer = addWorker(cast.stage, "worker-2");
    const workers = [...cast.workers.slice(0, 1), newcomer];
    await expectDone({ ...cast, workers }, run);
    await expectDone({ ...cast, workers }, waiting);
    const { members } = await cast.stage.describe();
    expect(members.map(({ member, incarnation }) => [member, incarnation])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
    ]);
  });

  it("ends the one before it, if that still lives", async () => {
    const cast = await cluster(1, 1);
    const first = cast.stage.coordinator;
    let ended = false;
    void first.stopped.then(() => (ended = true));
    cast.stage.network.crash("coordinator");
    cast.stage.startCoordinator();
    // It looks at the leader's key while it cannot reach anybody.
    await cast.stage.pass(3000);
    expect(ended).toBe(true);
    await cast.stage.until(await cast.stage.submit(), ["completed"]);
  });

  it("writes everything before it closes", async () => {
    const cast = await cluster(1, 1);
    const run = await cast.stage.submit();
    await cast.stage.until(run, ["completed"]);
    const closed = cast.stage.coordinator.close();
    await cast.stage.pass(1500);
    await closed;
    const entry = await cast.stage.store.get(`runs/${run}`);
    expect(entry?.value).toMatchObject({ phase: "completed", result: { accuracy: 0.9 } });
  });
});
