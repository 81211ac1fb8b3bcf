/** Spawns the actors of a hosting, all or none. */
import type { ActorSystem, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { parseEncodingSpec, parseOptimizerSpec, parseScheduleSpec, parseStalenessSpec } from "@shoal/optimization";
import type { ShardAssignment, ShardCommand, ShardSeat } from "@shoal/protocol";
import type { PeerLinks } from "../replication/peer-links.ts";
import type { ReplicationOptions } from "../replication/replication.ts";
import type { ShardMetrics } from "../shard/metrics.ts";
import { retire } from "../shard/retire.ts";
import { createShardState, type ShardOptions, type ShardState } from "../shard/shard-state.ts";
import { createShard, shardActorOptions, type ShardSignal } from "../shard/shard.ts";
import type { CaughtUpLearner, Hosting, ShardHostOptions } from "./shard-host.ts";
import { encodingLayout } from "./encoding-layout.ts";
import { updateRanges } from "./update-ranges.ts";

export interface HostedShard {
  readonly ref: Ref<ShardCommand>;
  readonly state: ShardState;
  /** Highest term of a seat that was told to this shard; undefined where it has none. */
  seatTerm(): number | undefined;
  /** Tells it a new seat, which names this node. */
  takeSeat(seat: ShardSeat): void;
  /** Stops the actor; settles when its memory has been given back. Idempotent. */
  end(): Promise<void>;
}

/** What the shards of a node have in common. */
export interface ShardEnvironment extends ShardHostOptions {
  readonly metrics: ShardMetrics;
  readonly peerLinks: PeerLinks;
  readonly onCaughtUp: (learner: CaughtUpLearner) => void;
}

const exact = { push: { name: "float32" }, pull: { name: "float32" } };

/**
 * @param isFirst false when the run was hosted here before: the names then tell the term
 * @throws ShoalError invalid_argument, out_of_memory
 */
export function spawnShards(
  environment: ShardEnvironment,
  hosting: Hosting,
  isFirst: boolean,
): Map<number, HostedShard> {
  const { run, term } = hosting;
  const { system } = environment;
  const shared = sharedOptions(environment, hosting);
  const states: ShardState[] = [];
  const hosted = new Map<number, HostedShard>();
  try {
    for (const assignment of checkRanges(hosting.shards)) {
      const { shard, begin, end, seat } = assignment;
      const updates = updateRanges(assignment, hosting.treatments);
      const encoding = { ...shared.encodings, layout: encodingLayout(assignment) };
      const replication = seat && replicationOptions(environment, hosting, seat);
      states.push(
        createShardState({
          ...shared,
          shard,
          range: { begin, end },
          updates,
          encoding,
          replication,
          firstStamp: firstStampOf(environment, run, shard),
        } satisfies ShardOptions),
      );
    }
    for (const state of states) {
      const { shard, replication } = state.options;
      const suffix = isFirst ? "" : `-term-${replication?.seat.term ?? term}`;
      hosted.set(shard, spawnShard(system, state, `${run}-shard-${shard}${suffix}`));
    }
    return hosted;
  } catch (error) {
    for (const state of states) if (!hosted.has(state.options.shard)) state.dispose();
    for (const shard of hosted.values()) void shard.end();
    throw error;
  }
}

/** Another one for each life of a shard, without a draw from what the others see. */
function firstStampOf({ system }: ShardEnvironment, run: string, shard: number): number {
  return system.random.fork(`stamps of ${run}-shard-${shard} at ${system.clock.now()}`).integer(2 ** 32);
}

/** What the shards of one hosting have in common. */
function sharedOptions(environment: ShardEnvironment, hosting: Hosting) {
  const { kernels, memory, metrics, system } = environment;
  const { push, pull } = hosting.encoding ?? exact;
  return {
    run: hosting.run,
    consistency: hosting.consistency,
    aggregation: hosting.aggregation,
    slots: hosting.slots,
    predictedWaiting: hosting.predictedWaiting ?? false,
    backup: hosting.backup ?? 0,
    keepFormer: hosting.keepFormer ?? false,
    members: hosting.members,
    optimizer: parseOptimizerSpec(hosting.optimizer),
    schedule: parseScheduleSpec(hosting.schedule),
    staleness: parseStalenessSpec(hosting.staleness),
    encodings: { push: parseEncodingSpec(push), pull: parseEncodingSpec(pull) },
    ...{ kernels, memory, metrics, clock: system.clock },
  };
}

function replicationOptions(
  { system, peerLinks, onCaughtUp }: ShardEnvironment,
  { run, acknowledge }: Hosting,
  seat: ShardSeat,
): ReplicationOptions {
  const { node } = system;
  return {
    ...{ seat, node, acknowledge: acknowledge ?? "replicated" },
    connect: (to, from) => peerLinks.connect(to, run, from),
    onCaughtUp: (term, member) => onCaughtUp({ run, shard: seat.shard, term, member }),
  };
}

function checkRanges(shards: readonly ShardAssignment[]): readonly ShardAssignment[] {
  const seen = new Set<number>();
  for (const { shard, begin, end } of shards) {
    if (end <= begin) {
      throw new ShoalError("invalid_argument", `shard ${shard} has an empty key range [${begin}, ${end})`, { shard });
    }
    if (seen.has(shard)) throw new ShoalError("invalid_argument", `shard ${shard} is assigned twice`, { shard });
    seen.add(shard);
  }
  return shards;
}

function spawnShard(system: ActorSystem, state: ShardState, name: string): HostedShard {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const onStop = (): void => {
    retire(state, system.clock.now());
    state.dispose();
    resolve();
  };
  const ref: Ref<ShardCommand | ShardSignal> = system.spawn(name, createShard(state), shardActorOptions(onStop));
  let seatTerm = state.replication?.term;
  return {
    ref,
    state,
    seatTerm: () => seatTerm,
    takeSeat(seat) {
      // A mailbox that is full throws: the seat is not known then, and comes again.
      ref.tell({ type: "seat", seat });
      seatTerm = Math.max(seat.term, seatTerm ?? 0);
    },
    end() {
      ref.tell({ type: "retire" });
      return ended;
    },
  };
}
