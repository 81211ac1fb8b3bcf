import { describe, expect, it } from "vitest";
import { asynchronous, cluster, expectDone, type Cast } from "./coordinator-cast.ts";

const modes = [{ mode: "synchronous" }, { mode: "bounded", staleness: 3 }, asynchronous] as const;

/** Nobody has begun a new life, and each worker was told to start once or heard the same again. */
async function expectSameLives({ stage }: Cast): Promise<void> {
  const { members } = await stage.describe();
  expect(members.map(({ incarnation, alive }) => [incarnation, alive])).toEqual(members.map(() => [1, true]));
}

describe.each(modes)("a $mode run whose coordinator dies", (consistency) => {
  it("goes on under the next one, with every sample counted once and nobody restarted", async () => {
    const cast = await cluster(2, 2);
    const run = await cast.stage.submit({ consistency });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    await cast.stage.crash("coordinator");
    await cast.stage.pass(500);
    cast.stage.startCoordinator();
    await expectDone(cast, run);
    await expectSameLives(cast);
  });

  it("survives three of them, and a worker that dies while there is none", async () => {
    const cast = await cluster(3, 2);
    const run = await cast.stage.submit({ consistency });
    for (const batches of [20, 60, 100]) {
      await cast.stage.untilStatus(run, (status) => status.batchesDone > batches);
      await cast.stage.crash("coordinator");
      if (batches === 60) await cast.stage.crash("worker-2");
      await cast.stage.pass(200);
      cast.stage.startCoordinator();
    }
    await expectDone({ ...cast, workers: cast.workers.filter(({ name }) => name !== "worker-2") }, run);
  });
});
