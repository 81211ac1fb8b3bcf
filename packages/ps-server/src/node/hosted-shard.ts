/** Spawns the actors of a hosting, all or none. */
import type { ActorSystem, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { parseEncodingSpec, parseOptimizerSpec, parseScheduleSpec, parseStalenessSpec } from "@shoal/optimization";
import type { ShardAssignment, ShardCommand } from "@shoal/protocol";
import type { ShardMetrics } from "../shard/metrics.ts";
import { retire } from "../shard/retire.ts";
import { createShardState, type ShardOptions, type ShardState } from "../shard/shard-state.ts";
import { createShard, shardActorOptions, type ShardSignal } from "../shard/shard.ts";
import type { Hosting, ShardHostOptions } from "./shard-host.ts";
import { encodingLayout } from "./encoding-layout.ts";
import { updateRanges } from "./update-ranges.ts";

export interface HostedShard {
  readonly ref: Ref<ShardCommand>;
  readonly state: ShardState;
  /** Stops the actor; settles when its memory has been given back. Idempotent. */
  end(): Promise<void>;
}

/** What the shards of a node have in common. */
export interface ShardEnvironment extends ShardHostOptions {
  readonly metrics: ShardMetrics;
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
): ReadonlyMap<number, HostedShard> {
  const { run, term } = hosting;
  const { kernels, memory, metrics, system } = environment;
  const shared = {
    run,
    consistency: hosting.consistency,
    aggregation: hosting.aggregation,
    slots: hosting.slots,
    predictedWaiting: hosting.predictedWaiting ?? false,
    backup: hosting.backup ?? 0,
    members: hosting.members,
    optimizer: parseOptimizerSpec(hosting.optimizer),
    schedule: parseScheduleSpec(hosting.schedule),
    staleness: parseStalenessSpec(hosting.staleness),
    kernels,
    memory,
    clock: system.clock,
    metrics,
  };
  const { push, pull } = hosting.encoding ?? exact;
  const encodings = { push: parseEncodingSpec(push), pull: parseEncodingSpec(pull) };
  const states: ShardState[] = [];
  const hosted = new Map<number, HostedShard>();
  const suffix = isFirst ? "" : `-term-${term}`;
  try {
    for (const assignment of checkRanges(hosting.shards)) {
      const { shard, begin, end } = assignment;
      const updates = updateRanges(assignment, hosting.treatments);
      const encoding = { ...encodings, layout: encodingLayout(assignment) };
      states.push(
        createShardState({ ...shared, shard, range: { begin, end }, updates, encoding } satisfies ShardOptions),
      );
    }
    for (const state of states) {
      const { shard } = state.options;
      hosted.set(shard, spawnShard(system, state, `${run}-shard-${shard}${suffix}`));
    }
    return hosted;
  } catch (error) {
    for (const state of states) if (!hosted.has(state.options.shard)) state.dispose();
    for (const shard of hosted.values()) void shard.end();
    throw error;
  }
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
  return {
    ref,
    state,
    end() {
      ref.tell({ type: "retire" });
      return ended;
    },
  };
}
