import { createMemoryStore, type StateStore } from "@shoal/actors";
import { coordinatorNode } from "@shoal/protocol";
import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { createSharedNodeBus } from "../support/shared-node-bus.ts";
import { addServer, addWorker, asynchronous, expectDone, type Cast } from "./coordinator-cast.ts";
import { Stage, type NodeSite } from "./coordinator-stage.ts";
import { createPausableNode, type PausableNode } from "./pausable-node.ts";

interface Pair extends Cast {
  readonly first: PausableNode & { readonly end: () => void };
  readonly isFirstStopped: () => boolean;
}

/** A cluster with two coordinators, the second of which waits. */
function pair(): Pair {
  let first: Pair["first"] | undefined;
  let shared: ReturnType<typeof createSharedNodeBus> | undefined;
  const beside = ({ network, clock }: NodeSite): NodeSite => {
    shared ??= createSharedNodeBus(network, coordinatorNode);
    const { bus, end } = shared.attachAs();
    const pausable = createPausableNode(coordinatorNode, bus, clock);
    first ??= { ...pausable, end };
    return { network: pausable.bus, clock: pausable.clock };
  };
  const stage = new Stage({ firstSite: beside });
  let isStopped = false;
  // As its process does, whose only purpose it is.
  void stage.coordinator.stopped.then(() => {
    isStopped = true;
    first?.end();
  });
  stage.startCoordinator(stage.store, beside(stage));
  const servers = [1, 2].map((number) => addServer(stage, `server-${number}`));
  const workers = [1, 2].map((number) => addWorker(stage, `worker-${number}`));
  if (first === undefined) throw new Error("there is no first coordinator");
  return { stage, servers, workers, first, isFirstStopped: () => isStopped };
}

describe.each([{ mode: "synchronous" }, asynchronous] as const)("two coordinators of a $mode run", (consistency) => {
  const job = { consistency, durability: { replicas: 1 } };

  it("are one: the second says nothing as long as the first one leads", async () => {
    const cast = pair();
    await expectDone(cast, await cast.stage.submit(job));
    expect(cast.stage.notes.filter((note) => note.includes("leads cluster"))).toHaveLength(1);
    const { members } = await cast.stage.describe();
    expect(members.map(({ incarnation }) => incarnation)).toEqual([1, 1, 1, 1]);
  });

  it("make a new one when the first dies: the second goes on within two leases", async () => {
    const cast = pair();
    const { stage } = cast;
    const run = await stage.submit(job);
    await stage.untilStatus(run, (status) => status.batchesDone > 20);
    cast.first.end();
    const diedAtMs = stage.clock.now();
    await stage.status(run);
    expect(stage.clock.now() - diedAtMs).toBeLessThan(2 * 1500);
    await expectDone(cast, run);
    const { members } = await stage.describe();
    expect(members.map(({ incarnation }) => incarnation)).toEqual([1, 1, 1, 1]);
  });

  it("never decide together: one that stood still finds that it was replaced, and stops", async () => {
    const cast = pair();
    const { stage } = cast;
    const run = await stage.submit(job);
    await stage.untilStatus(run, (status) => status.batchesDone > 20);
    cast.first.pause();
    await stage.pass(4000);
    cast.first.resume();
    await stage.pass(1000);
    expect(cast.isFirstStopped()).toBe(true);
    await expectDone(cast, run);
    expect(stage.shards.of(run).faults).toEqual([]);
    const { members } = await stage.describe();
    expect(members.map(({ incarnation }) => incarnation)).toEqual([1, 1, 1, 1]);
  });
});

describe("a coordinator whose store is away", () => {
  it("decides nothing meanwhile and goes on afterwards, with every sample counted once", async () => {
    const store = createMemoryStore();
    let isAway = false;
    const reach = <T>(call: () => Promise<T>): Promise<T> =>
      isAway ? Promise.reject(new ShoalError("store_unavailable", "no connection")) : call();
    const away: StateStore = {
      ...store,
      get: (key) => reach(() => store.get(key)),
      create: (key, value) => reach(() => store.create(key, value)),
      update: (key, value, revision) => reach(() => store.update(key, value, revision)),
      delete: (key, revision) => reach(() => store.delete(key, revision)),
    };
    const stage = new Stage({ store: away });
    const servers = [1, 2].map((number) => addServer(stage, `server-${number}`));
    const workers = [1, 2].map((number) => addWorker(stage, `worker-${number}`));
    const run = await stage.submit({ consistency: asynchronous, durability: { replicas: 1 } });
    await stage.untilStatus(run, (status) => status.batchesDone > 20);
    isAway = true;
    await stage.pass(6000);
    isAway = false;
    await expectDone({ stage, servers, workers }, run);
    const { members } = await stage.describe();
    expect(members.map(({ incarnation }) => incarnation)).toEqual([1, 1, 1, 1]);
  });
});
