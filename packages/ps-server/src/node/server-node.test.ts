import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
  simulate,
  type ActorSystem,
  type Ref,
  type SimulatedClock,
} from "@shoal/actors";
import type { KernelMemory } from "@shoal/kernels-wasm";
import {
  acceptorOf,
  coordinatorSchema,
  serverReplySchema,
  type CoordinatorMessage,
  type HostShards,
  type ServerCommand,
  type ServerReply,
  type ShardCommand,
} from "@shoal/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { startServer, type ServerHandle } from "./start-server.ts";
import { plainShards } from "../../../../test/support/plain-shards.ts";

interface Node {
  readonly clock: SimulatedClock;
  readonly client: ActorSystem;
  readonly server: ServerHandle;
  readonly memory: KernelMemory;
  readonly bytesAtStart: number;
  readonly heard: CoordinatorMessage[];
  ask(make: (replyTo: Ref<ServerReply>) => ServerCommand): Promise<ServerReply>;
  close(): Promise<void>;
}

const nodes: Node[] = [];

/** A server and, on the same strict bus, the coordinator's node. */
async function startNode(): Promise<Node> {
  const clock = createSimulatedClock();
  const bus = createInProcessBus({ strict: true });
  const system = createActorSystem({ node: "server-1", bus, clock, random: createRandom(1) });
  const client = createActorSystem({ node: "coordinator", bus, clock, random: createRandom(2) });
  const heard: CoordinatorMessage[] = [];
  client.spawn<CoordinatorMessage>("main", () => (message) => void heard.push(message), {
    accepts: acceptorOf(coordinatorSchema),
  });
  const { memory, kernels } = await kernelFixture();
  const bytesAtStart = memory.allocatedBytes;
  const coordinator = system.ref<CoordinatorMessage>("coordinator/main");
  const server = await startServer({ system, memory, kernels, coordinator, expose: () => "server-1" });
  const control = client.ref<ServerCommand>("server-1/control");
  const node: Node = {
    clock,
    client,
    server,
    memory,
    bytesAtStart,
    heard,
    ask: (make) =>
      simulate(
        clock,
        client.ask(control, make, { deadlineMs: 1000, reason: "to test it", accepts: acceptorOf(serverReplySchema) }),
        { forMs: 2000 },
      ),
    async close() {
      const stopped = Promise.all([system.stop(), client.stop()]);
      await runSimulation(clock, { forMs: 5000 });
      await stopped;
    },
  };
  nodes.push(node);
  return node;
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});

const members = { revision: 1, workers: [{ member: 1, incarnation: 1, name: "worker-1" }], slotOwners: [1] };

const hosting = (replyTo: Ref<ServerReply>, changes: Partial<HostShards> = {}): HostShards => ({
  type: "host_shards",
  run: "run-1",
  term: 1,
  ...plainShards({ shard: 0, begin: 0, end: 64 }, { shard: 2, begin: 128, end: 200 }),
  optimizer: { name: "adam", learningRate: 0.1 },
  schedule: { name: "constant" },
  consistency: { mode: "synchronous" },
  aggregation: "mean",
  staleness: {},
  slots: 1,
  members,
  replyTo,
  ...changes,
});

describe("a server node", () => {
  test("hosts the shards it is told to and says so, however often it is asked", async () => {
    const node = await startNode();
    const hosted = {
      type: "shards_hosted",
      run: "run-1",
      node: "server-1",
      term: 1,
      seats: [
        { shard: 0, term: 1 },
        { shard: 2, term: 1 },
      ],
    };
    expect(await node.ask(hosting)).toEqual(hosted);
    const { allocatedBytes } = node.memory;
    expect(await node.ask(hosting)).toEqual(hosted);
    expect(node.memory.allocatedBytes).toBe(allocatedBytes);
    expect(node.server.host.find("run-1", 2)?.address).toBe("server-1/run-1-shard-2");
    expect([node.server.host.sizeOf("run-1", 2), node.server.host.sizeOf("run-1", 1)]).toEqual([72, undefined]);
  });

  test("gives the memory back when a run is released, and answers a repeated release", async () => {
    const node = await startNode();
    await node.ask(hosting);
    expect(node.memory.allocatedBytes).toBeGreaterThan(node.bytesAtStart);
    const released = { type: "run_released", run: "run-1", node: "server-1" };
    for (let times = 0; times < 2; times += 1) {
      expect(await node.ask((replyTo) => ({ type: "release_run", run: "run-1", replyTo }))).toEqual(released);
      expect(node.memory.allocatedBytes).toBe(node.bytesAtStart);
    }
    expect(node.server.host.find("run-1", 0)).toBeUndefined();
  });

  test("lets a higher term replace a lower one and refuses what comes under an old one", async () => {
    const node = await startNode();
    await node.ask(hosting);
    const first = node.server.host.find("run-1", 0);
    const { allocatedBytes } = node.memory;
    expect(await node.ask((replyTo) => hosting(replyTo, { term: 2 }))).toMatchObject({
      type: "shards_hosted",
      term: 2,
    });
    expect(node.server.host.find("run-1", 0)).not.toBe(first);
    expect(node.memory.allocatedBytes).toBe(allocatedBytes);
    const stale = { type: "hosting_failed", error: { code: "stale_term" } };
    expect(await node.ask((replyTo) => hosting(replyTo, { term: 1 }))).toMatchObject(stale);
    await node.ask((replyTo) => ({ type: "release_run", run: "run-1", replyTo }));
    expect(await node.ask((replyTo) => hosting(replyTo, { term: 2 }))).toMatchObject(stale);
    expect(await node.ask((replyTo) => hosting(replyTo, { term: 3 }))).toMatchObject({ type: "shards_hosted" });
  });

  test("hosts wholly or not at all", async () => {
    const node = await startNode();
    const failures: readonly (readonly [string, Partial<HostShards>])[] = [
      ["invalid_argument", { optimizer: { name: "adagram" } }],
      ["invalid_argument", { schedule: { name: "step", stepSize: 0 } }],
      ["invalid_argument", plainShards({ shard: 0, begin: 64, end: 64 })],
      ["invalid_argument", { shards: [{ shard: 0, begin: 0, end: 64, updates: [[63, 0]] }] }],
      ["invalid_argument", { shards: [{ shard: 0, begin: 0, end: 64, updates: [[64, 1]] }] }],
      ["invalid_argument", plainShards({ shard: 0, begin: 0, end: 64 }, { shard: 0, begin: 64, end: 65 })],
      ["out_of_memory", plainShards({ shard: 0, begin: 0, end: 64 }, { shard: 1, begin: 64, end: 1_100_000_000 })],
    ];
    for (const [code, changes] of failures) {
      const reply = await node.ask((replyTo) => hosting(replyTo, changes));
      expect(reply).toMatchObject({ type: "hosting_failed", run: "run-1", node: "server-1", error: { code } });
      expect(node.memory.allocatedBytes).toBe(node.bytesAtStart);
    }
    expect(await node.ask(hosting)).toMatchObject({ type: "shards_hosted" });
  });

  test("describes its shards with those who wait, and knows no other runs", async () => {
    const node = await startNode();
    await node.ask(hosting);
    node.server.host.find("run-1", 2)?.tell({
      type: "pull",
      sender: { run: "run-1", worker: 1, incarnation: 1, name: "worker-1" },
      clock: 0,
      deadlineMs: 60_000,
      receive: () => undefined,
      replyTo: { address: "worker-1/test", tell: () => undefined },
    });
    const reply = await node.ask((replyTo) => ({ type: "describe_shards", run: "run-1", replyTo }));
    expect(reply).toMatchObject({
      type: "shards_described",
      shards: [
        { shard: 0, version: 0, initialized: false, waits: [] },
        { shard: 2, waits: [{ waiter: "worker-1", waitingFor: ["worker-1"], reason: "initial values of worker-1" }] },
      ],
    });
    const unknown = { type: "hosting_failed", run: "run-2", error: { code: "run_not_found" } };
    expect(await node.ask((replyTo) => ({ type: "describe_shards", run: "run-2", replyTo }))).toMatchObject(unknown);
    const update: (replyTo: Ref<ServerReply>) => ServerCommand = (replyTo) => ({
      type: "update_run_members",
      run: "run-2",
      members,
      replyTo,
    });
    expect(await node.ask(update)).toMatchObject(unknown);
  });

  test("tells its shards of new members", async () => {
    const node = await startNode();
    await node.ask(hosting);
    const next = { ...members, revision: 5 };
    expect(await node.ask((replyTo) => ({ type: "update_run_members", run: "run-1", members: next, replyTo }))).toEqual(
      { type: "members_updated", run: "run-1", node: "server-1", revision: 5 },
    );
  });

  test("tells those who wait at a released run that its shards are gone", async () => {
    const node = await startNode();
    await node.ask(hosting);
    let reply: unknown;
    const pull: ShardCommand = {
      type: "pull",
      sender: { run: "run-1", worker: 1, incarnation: 1, name: "worker-1" },
      clock: 0,
      deadlineMs: 60_000,
      receive: () => undefined,
      replyTo: { address: "worker-1/test", tell: (told) => void (reply = told) },
    };
    node.server.host.find("run-1", 0)?.tell(pull);
    await node.ask((replyTo) => ({ type: "release_run", run: "run-1", replyTo }));
    expect(reply).toMatchObject({ type: "refused", error: { code: "unknown_shard" } });
  });

  test("joins the cluster as a server and leaves it when it is closed, with all its memory given back", async () => {
    const node = await startNode();
    await node.ask(hosting);
    await runSimulation(node.clock, { forMs: 10 });
    expect(node.heard[0]).toMatchObject({ type: "join_as_server", node: "server-1", endpoint: "server-1" });
    const [join] = node.heard;
    if (join?.type !== "join_as_server") throw new Error("no join");
    join.replyTo.tell({ type: "joined", member: 4, incarnation: 1, leaseMs: 2000, heartbeatMs: 500 });
    expect(await simulate(node.clock, node.server.joined, { forMs: 100 })).toMatchObject({ member: 4 });
    await simulate(node.clock, node.server.close(), { forMs: 100 });
    await runSimulation(node.clock, { forMs: 0 });
    expect(node.heard.at(-1)).toEqual({ type: "leave", member: 4, incarnation: 1 });
    expect(node.memory.allocatedBytes).toBe(node.bytesAtStart);
  });
});
