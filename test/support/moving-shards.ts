/**
 * Shards that move between servers while workers train: the server where a shard was refuses all that comes later, and where
 * it is going it goes on from all that the former one had applied. What was under way is lost, as in a fail-over.
 */
import { createActorSystem, createInProcessBus, createRandom, type Clock, type Ref } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type { Placement, Refusal, ShardCommand, ShardDescription, ShardRestored, ShardSnapshot } from "@shoal/protocol";
import { createShardHost, type HostedShards, type Hosting, type ShardHost } from "@shoal/ps-server";
import { plainShards } from "./plain-shards.ts";

export const movingRun = "run-1";

export interface MovingShardsOptions {
  readonly clock: Clock;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  /** Keys of each shard; shard i begins where shard i − 1 ends. */
  readonly sizes: readonly number[];
  readonly servers: number;
  readonly hosting: Partial<Hosting>;
}

export interface MovingShards {
  /** What lives on a server now. */
  shardsOf(server: number): HostedShards;
  /** @param endpointOf of a server */
  placement(endpointOf: (server: number) => string): Placement;
  /** Settles when the shard goes on at the other server; the placement is newer from then on. */
  move(shard: number, to: number): Promise<void>;
  describe(shard: number): Promise<ShardDescription>;
  values(shard: number): Promise<Float32Array>;
}

/** One life of one shard. */
interface Life {
  readonly server: number;
  readonly host: ShardHost;
  readonly ref: Ref<ShardCommand>;
  /** Accepts nothing any more. */
  isOver: boolean;
}

export async function createMovingShards(options: MovingShardsOptions): Promise<MovingShards> {
  const { clock, memory, kernels, sizes, hosting } = options;
  const begins = sizes.map((_, shard) => sizes.slice(0, shard).reduce((sum, keys) => sum + keys, 0));
  const lives: Life[] = [];
  const moving = sizes.map(() => Promise.resolve());
  let term = 1;
  let births = 0;

  const bear = async (shard: number, server: number): Promise<Life> => {
    const node = `server-${server}-life-${++births}`;
    const system = createActorSystem({ node, bus: createInProcessBus(), clock, random: createRandom(births) });
    const host = createShardHost({ system, memory, kernels });
    await host.host({
      ...{ run: movingRun, term: 1, slots: 2, staleness: {} },
      ...plainShards({ shard, begin: begins[shard] ?? 0, end: (begins[shard] ?? 0) + (sizes[shard] ?? 0) }),
      optimizer: { name: "sgd", learningRate: 0.25, momentum: 0.5 },
      schedule: { name: "constant" },
      consistency: { mode: "synchronous" },
      aggregation: "mean",
      members: membersOf(1, 2),
      ...hosting,
    });
    const ref = host.find(movingRun, shard);
    if (ref === undefined) throw new Error("it was hosted just now");
    return { server, host, ref, isOver: false };
  };
  for (const shard of sizes.keys()) lives[shard] = await bear(shard, shard % options.servers);

  const lifeOf = (shard: number): Life => {
    const life = lives[shard];
    if (life === undefined) throw new Error(`no shard ${shard}`);
    return life;
  };
  const ask = <R>(shard: number, make: (replyTo: Ref<R>) => ShardCommand): Promise<R> => {
    const { promise, resolve } = Promise.withResolvers<R>();
    lifeOf(shard).ref.tell(make({ address: "test/ask", tell: resolve }));
    return promise;
  };
  const snapshot = (shard: number): Promise<ShardSnapshot> =>
    ask<ShardSnapshot>(shard, (replyTo) => ({ type: "snapshot", replyTo }));
  const move = async (shard: number, to: number): Promise<void> => {
    const former = lifeOf(shard);
    former.isOver = true;
    const state = await snapshot(shard);
    void former.host.close();
    const next = await bear(shard, to);
    lives[shard] = { ...next, isOver: true };
    await ask<ShardRestored | Refusal>(shard, (replyTo) => ({ type: "restore", snapshot: state, replyTo }));
    lives[shard] = next;
    term += 1;
  };
  const hosted = (server: number, run: string, shard: number): ShardHost | undefined => {
    const life = lives[shard];
    return run === movingRun && life?.server === server && !life.isOver ? life.host : undefined;
  };
  return {
    shardsOf: (server) => ({
      find: (run, shard) => hosted(server, run, shard)?.find(run, shard),
      sizeOf: (run, shard) => hosted(server, run, shard)?.sizeOf(run, shard),
      payloadsOf: (run, shard) => hosted(server, run, shard)?.payloadsOf(run, shard),
      admissionOf: (run, shard) => hosted(server, run, shard)?.admissionOf(run, shard),
    }),
    placement: (endpointOf) => ({
      term,
      shards: sizes.map((keys, shard) => {
        const [begin, { server }] = [begins[shard] ?? 0, lifeOf(shard)];
        return { shard, begin, end: begin + keys, node: `server-${server}`, endpoint: endpointOf(server) };
      }),
    }),
    move: (shard, to) => (moving[shard] = (moving[shard] ?? Promise.resolve()).then(() => move(shard, to))),
    describe: (shard) => ask<ShardDescription>(shard, (replyTo) => ({ type: "describe", replyTo })),
    values: async (shard) => (await snapshot(shard)).values,
  };
}

function membersOf(...numbers: readonly number[]): Hosting["members"] {
  const workers = numbers.map((member) => ({ member, incarnation: 1, name: `worker-${member}` }));
  return { revision: 1, workers, slotOwners: numbers };
}
