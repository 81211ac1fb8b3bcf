/**
 * How each parameter of a model is updated: the job's groups, frozen layers and running statistics, as key ranges.
 *
 * The first group whose pattern matches a parameter's name counts. Frozen is what the model or the group freezes; a
 * statistic that is not frozen goes its own way whatever the group says. Neighbours of one treatment become one range,
 * but with an optimiser or an aggregation (Adasum) that takes norms of layers every parameter stays a range of its own, and shards are cut between
 * parameters only.
 */
import type { ParameterLayout } from "@shoal/models";
import { isLayerwise, parseOptimizerSpec, plainTreatment } from "@shoal/optimization";
import {
  treatmentOf,
  type Communication,
  type JobSpec,
  type KeyRange,
  type RangeTreatment,
  type UpdateTreatment,
} from "@shoal/protocol";

export interface ParameterUpdates {
  /** The first one is the optimiser as it is. */
  readonly treatments: readonly UpdateTreatment[];
  /** Ranges of the whole vector, one behind the other, as in a message. */
  readonly ranges: readonly RangeTreatment[];
  /** Keys at which shards may be cut, ascending; null: anywhere. */
  readonly cuts: readonly number[] | null;
}

/** @param job checked: its patterns match something */
export function parameterUpdates(
  job: Pick<JobSpec, "optimizer" | "parameterGroups" | "aggregation" | "communication">,
  layout: ParameterLayout,
): ParameterUpdates {
  const { communication } = job;
  const takesNorms = communication.name === "gradients" && isLayerwise(parseOptimizerSpec(job.optimizer));
  const layerwise = takesNorms || job.aggregation === "adasum";
  const treatments: UpdateTreatment[] = [plainTreatment];
  const indices = new Map([[JSON.stringify(plainTreatment), 0]]);
  const ranges: [end: number, treatment: number][] = [];
  for (const segment of layout.segments) {
    const treatment = afterLocalUpdates(treatmentOf(segment, job.parameterGroups), communication);
    const key = JSON.stringify(treatment);
    const index = indices.get(key) ?? treatments.push(treatment) - 1;
    indices.set(key, index);
    const end = segment.offset + segment.length;
    const before = ranges.at(-1);
    if (before?.[1] === index && !(layerwise && treatment.kind === "optimizer")) before[0] = end;
    else ranges.push([end, index]);
  }
  const cuts = layerwise ? layout.segments.slice(1).map(({ offset }) => offset) : null;
  return { treatments, ranges, cuts };
}

/**
 * The shards of local updates apply differences of parameters: groups and rates were the workers' optimisers' business,
 * so all is treated alike but for what is frozen and, where differences come, the mean of the statistics.
 */
function afterLocalUpdates(treatment: UpdateTreatment, communication: Communication): UpdateTreatment {
  if (communication.name === "gradients" || treatment.kind === "frozen") return treatment;
  const isDifference = communication.name !== "fedasync";
  return treatment.kind === "statistic" && isDifference ? { kind: "statistic", rate: 1 } : plainTreatment;
}

/** The ranges that lie within a shard's keys, clipped to them and counted from its first. */
export function updatesWithin(ranges: readonly RangeTreatment[], { begin, end }: KeyRange): readonly RangeTreatment[] {
  const within: RangeTreatment[] = [];
  for (const [to, treatment] of ranges) {
    if (to <= begin) continue;
    within.push([Math.min(to, end) - begin, treatment]);
    if (to >= end) break;
  }
  return within;
}
