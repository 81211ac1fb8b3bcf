/** What the training loops have in common: their ports, and how they end. */
import type { Clock } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { Batch, EpochPlan } from "@shoal/models";
import type { BatchRange, JobSpec, TestResult } from "@shoal/protocol";
import type { Contribution, ShardVersions } from "../client/contribution.ts";
import type { ComputedIn, Computing } from "../client/exchange-kind.ts";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { ComputePort, GradientOverlap } from "../compute/compute-port.ts";
import { sizesAt } from "./step-cuts.ts";
import type { AssignmentBoard } from "./assignment-board.ts";
import type { SlotStates } from "../saved/slot-states.ts";
import type { Conversation } from "./conversation.ts";
import type { ProgressReporter } from "./progress-reporter.ts";
import type { TrainingBuffers, VectorBuffer } from "./training-buffers.ts";

/** A loop runs beside the actors, as an edge: it may wait. When `signal` is aborted its calls fail with `cancelled`. */
export interface LoopPorts {
  readonly job: Pick<JobSpec, "consistency" | "prefetch" | "staleness" | "overlap"> & {
    readonly evaluation: Pick<JobSpec["evaluation"], "everySteps">;
  };
  /** Whether the shard at a position of the placement has its turn in a synchronous step; absent: each has in all. */
  readonly isDue?: ((step: number, index: number) => boolean) | undefined;
  /** See `patienceOf`; default 1. */
  readonly patience?: number | undefined;
  readonly plan: EpochPlan;
  /** Adaptive batches by lease: samples of a whole one, whose gradient weighs 1; absent: every gradient does. */
  readonly wholeSamples?: number | undefined;
  readonly compute: ComputePort;
  readonly client: ParameterClient;
  readonly coordinator: Conversation;
  readonly reporter: ProgressReporter;
  readonly buffers: TrainingBuffers;
  readonly board: AssignmentBoard;
  /** Synchronous mode: what slots keep from step to step. */
  readonly slotStates?: SlotStates | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Aborted when this worker is to go: it ends with what it has begun, and begins nothing more. */
  readonly leaving?: AbortSignal | undefined;
}

/** How a loop ended by itself; also one whose worker leaves. */
export type LoopEnd = { readonly kind: "finished"; readonly reason: string } | StoppedLoop;

/** The coordinator ended the run after an evaluation. */
export interface StoppedLoop {
  readonly kind: "stopped";
  readonly reason: string;
  /** The values that were measured; they stay where they are. */
  readonly values: PulledValues;
  readonly result: TestResult;
}

/** A pulled parameter vector. */
export interface PulledValues {
  readonly buffer: VectorBuffer;
  readonly versions: ShardVersions;
}

/**
 * Computes what is pushed for batches of one epoch from pulled values: its gradient, or what local updates lead to.
 * @throws ShoalError not_finite - with the batch in its details: others may try the same
 */
export async function computeBatch(
  ports: LoopPorts,
  batches: BatchRange,
  values: Pick<PulledValues, "buffer">,
  gradient: VectorBuffer,
  overlap?: GradientOverlap,
): Promise<ComputedIn> {
  const { plan, compute, buffers, board, wholeSamples } = ports;
  const cut = (batch: number): Batch => plan.batch(batch, sizesAt(board.current(), Math.floor(batch / plan.slots)));
  const { epoch, step: round, slot, begin } = cut(batches.begin);
  const { end } = cut(batches.end - 1);
  const region = buffers.replica(slot);
  const replica = region === undefined ? undefined : { slot, round, region };
  const vectors = { parameters: values.buffer.offset, gradient: gradient.offset };
  // Each sample moves the parameters alike, however many make an iteration.
  const weight = wholeSamples === undefined ? 1 : (end - begin) / wholeSamples;
  try {
    return await compute.gradient({ epoch, begin, end, ...vectors, weight, replica }, overlap);
  } catch (error) {
    if (!isShoalError(error, "not_finite")) throw error;
    const sentence = error.message.replace(/^\[[a-z_]+\] /, "");
    throw new ShoalError("not_finite", sentence, { ...error.details, batch: batches.begin }, { cause: error });
  }
}

/** One batch of the plan. */
export function single(batch: number): BatchRange {
  return { begin: batch, end: batch + 1 };
}

/** The contribution of batches that are computed, or being computed. */
export function contributionOf(
  clock: number,
  { begin, end }: BatchRange,
  values: PulledValues,
  gradient: VectorBuffer,
  computed: ComputedIn | Computing,
): Contribution {
  const { versions: base } = values;
  const batches = end - begin === 1 ? {} : { batches: end - begin };
  return { clock, batch: begin, ...batches, samples: computed.samples, gradient: gradient.values, base, computed };
}

/** What a batch adds to the figures of its worker. A loss that nobody was told (NaN: of a round with masked updates) is none. */
export function measuredOf({ loss, samples, startedAtMs, endedAtMs, waitedMs = 0 }: ComputedIn): {
  readonly loss: number;
  readonly samples: number;
  readonly computeMs: number;
  readonly waitMs: number;
} {
  const told = Number.isNaN(loss) ? { loss: 0, samples: 0 } : { loss, samples };
  return { ...told, computeMs: endedAtMs - startedAtMs - waitedMs, waitMs: waitedMs };
}

/**
 * Measures the test split with pulled values and reports it.
 * @param step steps or batches behind the values
 * @param ends why no step can follow; then the run ends here
 * @returns how the run ends here; undefined when it goes on
 */
export async function evaluateAndReport(
  ports: LoopPorts,
  values: PulledValues,
  step: number,
  ends?: string,
): Promise<StoppedLoop | undefined> {
  const result = await ports.compute.evaluate(values.buffer.offset);
  const version = Math.max(...values.versions);
  const { proceed, reason } = await ports.coordinator.reportEvaluation({
    ...{ step, version, result },
    ...(ends !== undefined && { ends }),
  });
  return proceed ? undefined : { kind: "stopped", reason, values, result };
}
