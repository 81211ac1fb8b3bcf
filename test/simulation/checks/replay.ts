/**
 * The sequential model of a shard: one plain loop over the updates in the order that the shard says it applied them, on the
 * gradients as the workers pushed them. What comes out has to be what the shard has, and what was read of it, bit for bit.
 */
import { createOptimizer, learningRateAt, baseLearningRateOf } from "@shoal/optimization";
import { parseOptimizerSpec, parseScheduleSpec, parseStalenessSpec, stalenessWeight } from "@shoal/optimization";
import type { JobSpec, UpdateRecord } from "@shoal/protocol";
import { sameBits, type Witness, type WitnessedPull, type WitnessedPush } from "../world/witness.ts";
import type { WorldSite } from "../world/world.ts";

export interface ReplayOptions {
  readonly shard: number;
  readonly updates: readonly UpdateRecord[];
  readonly job: JobSpec;
  readonly witness: Witness;
  readonly site: WorldSite;
}

export interface Replay {
  /** Values after the last update; undefined when something is missing to replay them. */
  readonly values: Float32Array | undefined;
  readonly violations: readonly string[];
}

export function replayShard({ shard, updates, job, witness, site }: ReplayOptions): Replay {
  const first = witness.firstValues.get(shard);
  if (first === undefined) return { values: undefined, violations: [`nobody gave shard ${shard} its first values`] };
  const { kernels, memory, vectors } = site;
  const size = first.length;
  const [values, sum, gradient] = [vectors.copy(first), vectors.take(size), vectors.take(size)];
  const [at, sumAt, gradientAt] = [values, sum, gradient].map(({ view }) => memory.offsetOf(view) ?? 0) as Three;
  const spec = parseOptimizerSpec(job.optimizer);
  const schedule = parseScheduleSpec(job.schedule);
  const { weight } = parseStalenessSpec(job.staleness);
  const optimizer = createOptimizer(spec, { size, kernels, memory });
  const isSynchronous = job.consistency.mode === "synchronous";
  const made = pushesOf(witness, shard);
  const read = pullsOf(witness, shard);
  const violations: string[] = [];
  const compare = (version: number): void => {
    for (const pull of read.get(version) ?? []) {
      if (sameBits(pull.values, values.view)) continue;
      violations.push(`${pull.reader} read other values of version ${version} of shard ${shard} from ${pull.server}`);
    }
    read.delete(version);
  };
  compare(0);
  for (const { version, contributions } of updates) {
    let samples = 0;
    let factor = 1;
    for (const contribution of contributions) {
      const push = made.get(keyOf(contribution));
      if (push === undefined) {
        violations.push(`version ${version} of shard ${shard} holds a push that nobody made: ${keyOf(contribution)}`);
        continue;
      }
      if (push.samples === 0) continue;
      gradient.view.set(push.gradient);
      if (isSynchronous) {
        if (samples === 0) kernels.scaleInto(gradientAt, sumAt, size, push.samples);
        else kernels.axpy(gradientAt, sumAt, size, push.samples);
      } else factor = stalenessWeight(weight, contribution.staleness);
      samples += push.samples;
    }
    if (isSynchronous && samples > 0) kernels.scale(sumAt, size, 1 / samples);
    const rate = factor * learningRateAt(schedule, baseLearningRateOf(spec), version - 1);
    if (samples > 0) optimizer.step(at, isSynchronous ? sumAt : gradientAt, rate);
    compare(version);
  }
  for (const [version, [pull]] of read) {
    violations.push(
      `${pull?.reader} read version ${version} of shard ${shard} from ${pull?.server}, which is not there`,
    );
  }
  const replayed = values.view.slice();
  optimizer.dispose();
  for (const vector of [values, sum, gradient]) vector.release();
  return { values: replayed, violations };
}

type Three = [number, number, number];

function keyOf(push: Pick<WitnessedPush, "worker" | "incarnation" | "clock" | "batch" | "baseVersion">): string {
  return `${push.worker}.${push.incarnation}, clock ${push.clock}, batch ${push.batch}, base ${push.baseVersion}`;
}

function pushesOf({ pushes }: Witness, shard: number): ReadonlyMap<string, WitnessedPush> {
  const found = new Map<string, WitnessedPush>();
  for (const push of pushes.values()) if (push.shard === shard) found.set(keyOf(push), push);
  return found;
}

function pullsOf({ pulls }: Witness, shard: number): Map<number, readonly WitnessedPull[]> {
  return Map.groupBy(
    pulls.filter((pull) => pull.shard === shard),
    ({ version }) => version,
  );
}
