/**
 * Servers on real sockets that hold copies of shards, and what a coordinator would decide when one of them is killed: a copy
 * that has everything becomes the primary, a server without a copy is filled.
 */
import { createActorSystem, createInProcessBus, createRandom, systemClock } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type { Placement, SeatHolder, ShardSeat, ShardSummary, SnapshotReply } from "@shoal/protocol";
import {
  createParameterRpcServer,
  createShardHost,
  type CaughtUpLearner,
  type Hosting,
  type ParameterRpcServer,
  type ShardHost,
} from "@shoal/ps-server";
import { createGrpcReplicaLinkFactory } from "@shoal/worker";
import { movingRun } from "./moving-shards.ts";
import { plainShards } from "./plain-shards.ts";

export interface SeatedServersOptions {
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly sizes: readonly number[];
  readonly servers: number;
  readonly hosting: Partial<Hosting>;
  /** Told of each new placement, once the servers know it. */
  readonly placed: (placement: Placement) => void;
}

export interface SeatedServers {
  placement(): Placement;
  /** Ends a server without a word and starts another one in its place, which has nothing. Settles when seats have changed. */
  kill(server: number): Promise<void>;
  /** True when each shard has a replica again. */
  readonly isWhole: boolean;
  /** Of the primary. */
  summary(shard: number): Promise<ShardSummary>;
  values(shard: number): Promise<Float32Array>;
  close(): Promise<void>;
}

interface Site {
  readonly holder: SeatHolder;
  readonly host: ShardHost;
  readonly rpc: ParameterRpcServer;
}

export async function startSeatedServers(options: SeatedServersOptions): Promise<SeatedServers> {
  const { memory, kernels, sizes, servers } = options;
  const begins = sizes.map((_, shard) => sizes.slice(0, shard).reduce((sum, keys) => sum + keys, 0));
  const sites: Site[] = [];
  const seats: ShardSeat[] = [];
  let terms = 0;
  let changes: Promise<unknown> = Promise.resolve();

  const start = async (server: number, incarnation: number): Promise<Site> => {
    const [clock, node] = [systemClock, `server-${server}`];
    const system = createActorSystem({ node, bus: createInProcessBus(), clock, random: createRandom(server + 1) });
    const replicaLinks = createGrpcReplicaLinkFactory({ clock });
    const host = createShardHost({ system, memory, kernels, replicaLinks });
    const rpc = createParameterRpcServer({ shards: host, memory, kernels, clock });
    const endpoint = await rpc.listen({ host: "127.0.0.1", port: 0 });
    host.onCaughtUp((learner) => void inTurn(() => promote(learner)));
    return { holder: { member: server + 1, incarnation, node, endpoint }, host, rpc };
  };
  const hostingOf = (shard: number): Hosting => {
    const begin = begins[shard] ?? 0;
    const plain = plainShards({ shard, begin, end: begin + (sizes[shard] ?? 0) });
    const workers = [1, 2].map((member) => ({ member, incarnation: 1, name: `worker-${member}` }));
    return {
      ...{ run: movingRun, term: 1, slots: 2, staleness: {}, ...plain },
      shards: plain.shards.map((each) => ({ ...each, seat: seats[shard] })),
      optimizer: { name: "sgd", learningRate: 0.25, momentum: 0.5 },
      schedule: { name: "constant" },
      consistency: { mode: "synchronous" },
      aggregation: "mean",
      members: { revision: 1, workers, slotOwners: [1, 2] },
      ...options.hosting,
    };
  };
  /** Servers first, then the workers. */
  const change = async (seat: Omit<ShardSeat, "term">): Promise<void> => {
    const next = { ...seat, term: ++terms };
    seats[seat.shard] = next;
    const named = [next.primary, ...next.replicas, ...next.learners].map(({ node }) => node);
    await Promise.all(
      sites.map(({ host, holder }) =>
        named.includes(holder.node) ? host.host(hostingOf(seat.shard)) : host.seat(movingRun, [next]),
      ),
    );
    options.placed(placement());
  };
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = changes.then(work);
    changes = done.catch(() => undefined);
    return done;
  };
  const promote = async ({ shard, term, member }: CaughtUpLearner): Promise<void> => {
    const seat = seats[shard];
    const learner = seat?.learners.find((each) => each.member === member);
    if (seat === undefined || seat.term !== term || learner === undefined) return;
    const learners = seat.learners.filter((each) => each !== learner);
    await change({ ...seat, learners, replicas: [...seat.replicas, learner] });
  };
  const fail = async (server: number): Promise<void> => {
    const dead = sites[server];
    if (dead === undefined) throw new Error(`no server ${server}`);
    await dead.rpc.close();
    void dead.host.close();
    sites[server] = await start(server, dead.holder.incarnation + 1);
    const isAlive = ({ node }: SeatHolder): boolean => node !== dead.holder.node;
    for (const seat of [...seats]) {
      const replicas = seat.replicas.filter(isAlive);
      const learners = seat.learners.filter(isAlive);
      const primary = isAlive(seat.primary) ? seat.primary : replicas.shift();
      if (primary === undefined) throw new Error(`the last copy of shard ${seat.shard} was killed`);
      const holds = [primary, ...replicas, ...learners].map(({ node }) => node);
      const filled =
        replicas.length + learners.length > 0 ? undefined : sites.find(({ holder }) => !holds.includes(holder.node));
      await change({
        shard: seat.shard,
        primary,
        replicas,
        learners: filled === undefined ? learners : [filled.holder],
      });
    }
  };
  const placement = (): Placement => ({
    term: terms,
    shards: seats.map(({ shard, primary: { node, endpoint } }) => {
      const begin = begins[shard] ?? 0;
      return { shard, begin, end: begin + (sizes[shard] ?? 0), node, endpoint };
    }),
  });
  const primaryOf = (shard: number): ShardHost => {
    const site = sites.find(({ holder }) => holder.node === seats[shard]?.primary.node);
    if (site === undefined) throw new Error(`nobody leads shard ${shard}`);
    return site.host;
  };
  for (let server = 0; server < servers; server++) sites.push(await start(server, 1));
  const holders = sites.map(({ holder }) => holder);
  for (const shard of sizes.keys()) {
    const [primary, replica] = [holders[shard % servers], holders[(shard + 1) % servers]];
    if (primary === undefined || replica === undefined) throw new Error("there are two servers at least");
    await change({ shard, primary, replicas: [replica], learners: [] });
  }
  return {
    placement,
    kill: (server) => inTurn(() => fail(server)),
    get isWhole() {
      return seats.every(({ replicas }) => replicas.length > 0);
    },
    async summary(shard) {
      const found = (await primaryOf(shard).describe(movingRun)).find((each) => each.shard === shard);
      if (found === undefined) throw new Error(`the primary does not know shard ${shard}`);
      return found;
    },
    async values(shard) {
      const { promise, resolve } = Promise.withResolvers<SnapshotReply>();
      primaryOf(shard)
        .find(movingRun, shard)
        ?.tell({ type: "snapshot", replyTo: { address: "test/ask", tell: resolve } });
      const reply = await promise;
      if (reply.type !== "shard_snapshot") throw new Error(`shard ${shard} gave ${reply.type}`);
      return reply.values;
    },
    async close() {
      await changes;
      for (const { rpc, host } of sites) {
        await rpc.close();
        await host.close();
      }
    },
  };
}
