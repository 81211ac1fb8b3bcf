import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  runSimulation,
  simulate,
  type Ref,
  type SimulatedClock,
} from "@shoal/actors";
import {
  acceptorOf,
  coordinatorSchema,
  serverReplySchema,
  type CoordinatorMessage,
  type ServerCommand,
  type ServerReply,
  type ShardDescription,
  type ShardDirectory,
  type ShardSeat,
} from "@shoal/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { seatOf } from "../../../../test/support/copies-scene.ts";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { plainShards } from "../../../../test/support/plain-shards.ts";
import { createInProcessReplicaLinks } from "../replication/in-process-replica-link.ts";
import { shardCapacity } from "../shard/shard.ts";
import type { ShardHost } from "./shard-host.ts";
import { startServer } from "./start-server.ts";

interface Cluster {
  readonly clock: SimulatedClock;
  /** What servers said without being asked. */
  readonly heard: ServerReply[];
  readonly bytes: () => number;
  ask(server: number, make: (replyTo: Ref<ServerReply>) => ServerCommand): Promise<ServerReply>;
  directoryOf(server: number): ShardDirectory;
  hostOf(server: number): ShardHost;
  close(): Promise<void>;
}

let cluster: Cluster;
afterEach(() => cluster.close());

/** Two servers, and the coordinator's end of a strict bus. */
async function start(): Promise<Cluster> {
  const clock = createSimulatedClock();
  const bus = createInProcessBus({ strict: true });
  const { memory, kernels } = await kernelFixture();
  const bytesAtStart = memory.allocatedBytes;
  const directories = new Map<string, ShardHost>();
  const replicaLinks = createInProcessReplicaLinks({ directoryOf: (endpoint) => directories.get(endpoint), clock });
  const client = createActorSystem({ node: "coordinator", bus, clock, random: createRandom(9) });
  const heard: ServerReply[] = [];
  const replies = client.spawn<ServerReply>("replies", () => (reply) => void heard.push(reply), {
    accepts: acceptorOf(serverReplySchema),
  });
  // It welcomes each server as the member that the seats of these tests name.
  client.spawn<CoordinatorMessage>(
    "main",
    () => (message) => {
      if (message.type !== "join_as_server") return;
      const member = Number(message.node.slice("server-".length));
      message.replyTo.tell({ type: "joined", member, incarnation: 1, leaseMs: 60_000, heartbeatMs: 20_000 });
    },
    { accepts: acceptorOf(coordinatorSchema) },
  );
  const systems = [client];
  for (const node of ["server-1", "server-2"]) {
    const system = createActorSystem({ node, bus, clock, random: createRandom(node.length) });
    systems.push(system);
    const coordinator = system.ref<CoordinatorMessage>("coordinator/main");
    const server = await startServer({ ...{ system, memory, kernels, coordinator, replicaLinks }, expose: () => node });
    directories.set(node, server.host);
    await simulate(clock, server.joined);
  }
  return {
    ...{ clock, heard },
    bytes: () => memory.allocatedBytes - bytesAtStart,
    async ask(server, make) {
      const before = heard.length;
      client.ref<ServerCommand>(`server-${server}/control`).tell(make(replies));
      const answered = async (): Promise<ServerReply> => {
        for (;;) {
          const answer = heard.slice(before).find(({ type }) => type !== "learner_caught_up");
          if (answer !== undefined) return answer;
          await new Promise<void>((resolve) => void clock.after(1, resolve));
        }
      };
      return simulate(clock, answered(), { forMs: 5000 });
    },
    directoryOf: (server) => directories.get(`server-${server}`) as ShardDirectory,
    hostOf: (server) => directories.get(`server-${server}`) as ShardHost,
    async close() {
      const stopped = Promise.all(systems.map((system) => system.stop()));
      await runSimulation(clock, { forMs: 10_000 });
      await stopped;
    },
  };
}

const hosting =
  (seat: ShardSeat, term = 1) =>
  (replyTo: Ref<ServerReply>): ServerCommand => {
    const { treatments, shards } = plainShards({ shard: 3, begin: 0, end: 64 });
    return {
      ...{ type: "host_shards", run: "run-1", term, treatments, shards: shards.map((shard) => ({ ...shard, seat })) },
      optimizer: { name: "adam", learningRate: 0.1 },
      schedule: { name: "constant" },
      consistency: { mode: "synchronous" },
      aggregation: "mean",
      staleness: {},
      slots: 1,
      members: { revision: 1, workers: [{ member: 1, incarnation: 1, name: "worker-1" }], slotOwners: [1] },
      replyTo,
    };
  };

const seating =
  (...seats: readonly ShardSeat[]) =>
  (replyTo: Ref<ServerReply>): ServerCommand => ({ type: "seat_shards", run: "run-1", seats, replyTo });

const seated = (server: number, term: number) => ({
  ...{ type: "shards_seated", run: "run-1", node: `server-${server}`, seats: [{ shard: 3, term }] },
});

const describing = (replyTo: Ref<ServerReply>): ServerCommand => ({ type: "describe_shards", run: "run-1", replyTo });

describe("a server node", () => {
  test("gives its shards their seats, however often it is told, and passes over older ones", async () => {
    cluster = await start();
    await cluster.ask(1, hosting(seatOf(1, 1, [])));
    for (let times = 0; times < 2; times += 1) {
      expect(await cluster.ask(1, seating(seatOf(4, 1, [])))).toEqual(seated(1, 4));
    }
    expect(await cluster.ask(1, seating(seatOf(3, 2, [1])))).toEqual(seated(1, 4));
    expect(await cluster.ask(1, describing)).toMatchObject({
      shards: [{ seat: { term: 4, role: "primary", index: 2 } }],
    });
  });

  test("gives a copy up, with its memory, when the seat does not name it, and says that it knows", async () => {
    cluster = await start();
    await cluster.ask(1, hosting(seatOf(1, 1, [])));
    expect(cluster.bytes()).toBeGreaterThan(0);
    expect(await cluster.ask(1, seating(seatOf(2, 2, [])))).toEqual({ ...seated(1, 2), missing: [3] });
    expect([cluster.bytes(), cluster.directoryOf(1).find("run-1", 3)]).toEqual([0, undefined]);
    expect(await cluster.ask(1, seating(seatOf(2, 2, [])))).toEqual({ ...seated(1, 2), missing: [3] });
  });

  test("does not bring a copy back that it has given up, by a command that comes late", async () => {
    cluster = await start();
    await cluster.ask(1, hosting(seatOf(1, 1, [])));
    await cluster.ask(1, seating(seatOf(2, 2, [])));
    expect(await cluster.ask(1, hosting(seatOf(1, 1, [])))).toMatchObject({ type: "shards_hosted" });
    expect(cluster.bytes()).toBe(0);
    expect(await cluster.ask(1, hosting(seatOf(3, 2, [], [1])))).toMatchObject({ seats: [{ shard: 3, term: 3 }] });
    expect(cluster.bytes()).toBeGreaterThan(0);
  });

  test("does not host what was meant for the process before it: it would lead under a term in which that one did", async () => {
    cluster = await start();
    const seat = seatOf(1, 1, []);
    const meant = hosting({ ...seat, primary: { ...seat.primary, incarnation: 2 } });
    await expect(cluster.ask(1, meant)).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect([cluster.bytes(), cluster.directoryOf(1).find("run-1", 3)]).toEqual([0, undefined]);
  });

  test("does not host either what has no seat, when it was meant for the process before it", async () => {
    cluster = await start();
    const meantFor =
      (incarnation: number) =>
      (replyTo: Ref<ServerReply>): ServerCommand => {
        const { shards } = plainShards({ shard: 3, begin: 0, end: 64 });
        return { ...hosting(seatOf(1, 1, []))(replyTo), life: { member: 1, incarnation }, shards } as ServerCommand;
      };
    await expect(cluster.ask(1, meantFor(2))).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(cluster.directoryOf(1).find("run-1", 3)).toBeUndefined();
    expect(await cluster.ask(1, meantFor(1))).toMatchObject({ type: "shards_hosted" });
  });

  test("does not know a seat, nor has it given a copy up, that its shard had no room to hear of", async () => {
    cluster = await start();
    await cluster.ask(1, hosting(seatOf(1, 1, [])));
    const host = cluster.hostOf(1);
    const shard = host.find("run-1", 3);
    const nobody: Ref<ShardDescription> = { address: "test/nobody", tell: () => undefined };
    const fill = (): void => {
      for (let left = 2 * shardCapacity; left > 0; left -= 1) shard?.tell({ type: "describe", replyTo: nobody });
    };
    for (const seat of [seatOf(4, 1, []), seatOf(5, 2, [])]) {
      expect(fill).toThrow(expect.objectContaining({ code: "mailbox_full" }));
      await expect(host.seat("run-1", [seat])).rejects.toMatchObject({ code: "mailbox_full" });
      await runSimulation(cluster.clock, { forMs: 1 });
      expect(host.find("run-1", 3)).toBe(shard);
      expect(await cluster.ask(1, seating(seat))).toMatchObject(seated(1, seat.term));
      if (seat.term !== 4) continue;
      expect(await cluster.ask(1, describing)).toMatchObject({ shards: [{ seat: { term: 4 } }] });
    }
    expect([cluster.bytes(), host.find("run-1", 3)]).toEqual([0, undefined]);
  });

  test("says what it would have to host first", async () => {
    cluster = await start();
    expect(await cluster.ask(1, seating(seatOf(2, 2, [1])))).toEqual({ ...seated(1, 2), seats: [], missing: [3] });
  });

  test("ends the shards of an attempt when the next is hosted, under a higher term: theirs may be other keys", async () => {
    cluster = await start();
    await cluster.ask(1, hosting(seatOf(1, 1, [])));
    const shard = cluster.directoryOf(1).find("run-1", 3);
    expect(await cluster.ask(1, hosting(seatOf(7, 1, []), 7))).toMatchObject({
      term: 7,
      seats: [{ shard: 3, term: 7 }],
    });
    const next = cluster.directoryOf(1).find("run-1", 3);
    expect(next).toBeDefined();
    expect(next).not.toBe(shard);
  });

  test("says unasked, again and again until a new seat comes, that a learner has all entries", async () => {
    cluster = await start();
    await cluster.ask(1, hosting(seatOf(1, 1, [])));
    await cluster.ask(2, hosting(seatOf(2, 1, [], [2])));
    await cluster.ask(1, seating(seatOf(2, 1, [], [2])));
    await runSimulation(cluster.clock, { forMs: 1000 });
    const reports = cluster.heard.filter(({ type }) => type === "learner_caught_up");
    expect(reports.length).toBeGreaterThan(2);
    const report = { type: "learner_caught_up", run: "run-1", node: "server-1", shard: 3, term: 2, member: 2 };
    expect(reports[0]).toEqual(report);
    await cluster.ask(1, seating(seatOf(3, 1, [2])));
    cluster.heard.length = 0;
    await runSimulation(cluster.clock, { forMs: 1000 });
    expect(cluster.heard).toEqual([]);
    expect(await cluster.ask(1, describing)).toMatchObject({ shards: [{ seat: { term: 3, caughtUp: [2] } }] });
  });
});
