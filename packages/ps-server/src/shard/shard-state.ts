/** All that one shard holds. Only its actor changes it; admission reads it between two messages. */
import type { Clock } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import {
  baseLearningRateOf,
  type EncodingLayout,
  type OptimizerSpec,
  type ResolvedEncodingSpec,
  type ResolvedStalenessSpec,
  type ScheduleSpec,
  type UpdateRange,
} from "@shoal/optimization";
import { sizeOf, type Aggregation, type Consistency, type KeyRange, type RunMembers } from "@shoal/protocol";
import { createReplication, type Replication, type ReplicationOptions } from "../replication/replication.ts";
import type { AwaitedCut } from "./awaited-cut.ts";
import { createBarrier, type Barrier } from "./barrier.ts";
import type { ShardMetrics } from "./metrics.ts";
import { createProgress, type Progress } from "./progress.ts";
import { createRoster, type Roster } from "./roster.ts";
import { takeShardMemory, type ShardMemory } from "./shard-memory.ts";
import { createArrivalTimes, type ArrivalTimes } from "./predicted-waiting.ts";
import { createBound, type Bound } from "./adaptive-bound.ts";
import { createVitals, type Vitals } from "./vitals.ts";
import { createWaits, type Waits } from "./waits.ts";

export interface ShardEncoding {
  readonly push: ResolvedEncodingSpec;
  readonly pull: ResolvedEncodingSpec;
  readonly layout: Omit<EncodingLayout, "size">;
}

export interface ShardOptions {
  readonly run: string;
  readonly shard: number;
  readonly range: KeyRange;
  readonly optimizer: OptimizerSpec;
  /** How the values are updated, counted from the first of the range. */
  readonly updates: readonly UpdateRange[];
  readonly schedule: ScheduleSpec;
  readonly consistency: Consistency;
  readonly aggregation: Aggregation;
  readonly staleness: ResolvedStalenessSpec;
  /** How gradients come and values go; what both ends agree on besides. */
  readonly encoding: ShardEncoding;
  /** Contributions that make one synchronous step. */
  readonly slots: number;
  /** A step may be closed before all of its contributions are there; they are then folded as they come. */
  readonly predictedWaiting: boolean;
  /** Contributions that every step does without; fewer than the slots. */
  readonly backup: number;
  /** The values before the newest synchronous step are kept, for workers that must compute it again. */
  readonly keepFormer: boolean;
  readonly members: RunMembers;
  /** Stamps of values begin after it: another life of the shard has others. Absent: 0. */
  readonly firstStamp?: number | undefined;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  readonly clock: Clock;
  readonly metrics: ShardMetrics;
  /** Absent where the shard has no seat. */
  readonly replication?: ReplicationOptions | undefined;
}

export interface ShardState extends ShardMemory {
  readonly options: ShardOptions;
  /** Elements of the key range. */
  readonly size: number;
  /** What the schedule starts from. */
  readonly baseLearningRate: number;
  /** False when all values are frozen. */
  readonly canChange: boolean;
  /** Version in which the values changed last. */
  changedAt: number;
  /** Bytes of gradients and values that workers sent here and were given, since this copy was made. */
  bytesMoved: number;
  readonly barrier: Barrier;
  readonly waits: Waits;
  readonly vitals: Vitals;
  /** Where a step may be closed early: when contributions come. */
  readonly arrivals: ArrivalTimes | undefined;
  /** Asks to be called again in so many milliseconds; there once the actor lives. */
  lookAgain: ((ms: number) => void) | undefined;
  /** Bounded mode: how far a worker may be ahead of the slowest; unused in the others. */
  readonly bound: Bound;
  /** How often in a row each worker's push was too stale; see `decidePush`. */
  readonly tooStale: Map<number, number>;
  /** Undefined where the shard has no seat: nobody else holds it. */
  readonly replication: Replication | undefined;
  /** A snapshot that is due in a later version. */
  awaitedCut: AwaitedCut | undefined;
  /** To be called before values, slots or version change: a copy of them is due. */
  beforeChange: (() => void) | undefined;
  roster: Roster;
  progress: Progress;
  /** Called when what `ShardAdmission.decide` says may have changed. */
  readonly listeners: Set<() => void>;
}

/** A step may be closed before all of its contributions are there; they are then folded as they come. */
export function closesEarly({ predictedWaiting, backup }: Pick<ShardOptions, "predictedWaiting" | "backup">): boolean {
  return predictedWaiting || backup > 0;
}

/**
 * Takes the memory of a shard and makes its empty state.
 * @throws ShoalError out_of_memory - nothing is taken then
 */
export function createShardState(options: ShardOptions): ShardState {
  const size = sizeOf(options.range);
  const { consistency } = options;
  const memory = takeShardMemory(options);
  const { vectors, codec } = memory;
  const { replication: seated, members, metrics } = options;
  const replication =
    seated &&
    createReplication(seated, { size, memory: options.memory, members }, ({ kind }, change) =>
      metrics.waiting(kind, change),
    );
  const progress = createProgress();
  // The log brings the member list to a replica: what follows from it depends on when it came.
  if (replication === undefined || replication.role === "primary") progress.clocks.update(members);
  return {
    options,
    replication,
    size,
    baseLearningRate: baseLearningRateOf(options.optimizer),
    ...memory,
    dispose() {
      memory.dispose();
      replication?.log.dispose();
    },
    canChange: options.updates.some(({ treatment }) => treatment.kind !== "frozen"),
    changedAt: 0,
    bytesMoved: 0,
    barrier: createBarrier(
      options.slots,
      (payload, { samples, encoding }) => {
        if (samples > 0) vectors.fold(codec.read(payload, encoding), samples);
      },
      !closesEarly(options),
    ),
    tooStale: new Map(),
    vitals: createVitals(),
    arrivals: options.predictedWaiting ? createArrivalTimes() : undefined,
    lookAgain: undefined,
    bound:
      consistency.mode === "bounded"
        ? createBound(consistency.staleness, consistency.adaptive)
        : createBound(0, undefined),
    waits: createWaits((kind, change) => metrics.waiting(kind, change)),
    awaitedCut: undefined,
    beforeChange: undefined,
    roster: createRoster(members),
    progress,
    listeners: new Set(),
  };
}

/** "shard 3 of run x": how a shard is called in sentences. */
export function describeShard(state: ShardState): string {
  return `shard ${state.options.shard} of run ${state.options.run}`;
}

export function notifyListeners(state: ShardState): void {
  for (const listener of state.listeners) listener();
}
