import type { StateStore } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { addServer, addWorker, asynchronous, cluster, expectDone, type Cast } from "./coordinator-cast.ts";
import { Stage } from "./coordinator-stage.ts";

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

/** A store that its coordinator reaches for so many writes; the last one takes place or not, and then the coordinator dies. */
function mortal(store: StateStore, writes: number, isLastWritten: boolean, die: () => void): StateStore {
  let left = writes;
  const guard = async <T>(write: () => Promise<T>): Promise<T> => {
    left -= 1;
    if (left > 0) return write();
    if (left === 0 && isLastWritten) await write();
    if (left === 0) die();
    throw new ShoalError("store_unavailable", "its coordinator is dead");
  };
  return {
    ...store,
    create: (key, value) => guard(() => store.create(key, value)),
    update: (key, value, revision) => guard(() => store.update(key, value, revision)),
    delete: (key, revision) => guard(() => store.delete(key, revision)),
  };
}

describe("a coordinator that dies at any of its writes", () => {
  it.each([
    ["after it", true, { mode: "synchronous" }],
    ["before it", false, { mode: "synchronous" }],
    ["after it", true, asynchronous],
    ["before it", false, asynchronous],
  ] as const)("leaves a run that another one ends: %s (%s, %o)", async (_when, isLastWritten, consistency) => {
    let deaths = 0;
    for (let writes = 1; writes === deaths + 1; writes += 1) {
      const die = (): void => {
        deaths += 1;
        stage.clock.after(0, () => stage.kill("coordinator"));
        stage.clock.after(100, () => stage.startCoordinator());
      };
      const settings = { leaderLeaseMs: 300 };
      const stage: Stage = new Stage({ settings, firstStore: (store) => mortal(store, writes, isLastWritten, die) });
      for (const number of [1, 2]) addServer(stage, `server-${number}`);
      for (const number of [1, 2]) addWorker(stage, `worker-${number}`, { samples: 200, loadMs: 1 });
      const run = await stage.submit({ consistency, epochs: 1, batchSize: 20, durability: { replicas: 1 } });
      const status = await stage.until(run, ["completed", "failed"]);
      expect({ writes, error: status.error }).toEqual({ writes, error: null });
      expect(status).toMatchObject({ samples: 200, batchesDone: status.totalBatches });
      expect(stage.shards.of(run)).toMatchObject({ applied: status.totalBatches, faults: [] });
    }
    expect(deaths).toBeGreaterThan(20);
  });
});
