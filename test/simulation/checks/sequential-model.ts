/**
 * A shard as one plain loop: the updates that it says it applied, one after the other, on what the workers pushed. Knows
 * nothing of barriers, logs and copies.
 */
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import {
  baseLearningRateOf,
  createDecoder,
  createOptimizer,
  learningRateAt,
  parseEncodingSpec,
  parseOptimizerSpec,
  parseScheduleSpec,
  parseStalenessSpec,
  stalenessWeight,
  type Decoder,
} from "@shoal/optimization";
import { synchronousSteps, type HostShards } from "@shoal/protocol";
import type { WitnessedPush } from "../world/witness.ts";
import type { WorldSite } from "../world/world.ts";

/** One push of an update, and how stale it was. */
export interface Applied {
  readonly push: WitnessedPush;
  readonly staleness: number;
}

export interface SequentialModel {
  /** Changed by every update. */
  readonly values: Float32Array;
  /** @param version before the update @param applied in the order in which they were folded */
  update(version: number, applied: readonly Applied[]): void;
  dispose(): void;
}

/** @param rules what the shards were told @param first values of version 0 */
export function createSequentialModel(rules: HostShards, first: Float32Array, site: WorldSite): SequentialModel {
  const { kernels, memory, vectors } = site;
  const size = first.length;
  const [values, sum, gradient] = [vectors.copy(first), vectors.take(size), vectors.take(size)];
  const [at, sumAt, gradientAt] = [values, sum, gradient].map(({ view }) => memory.offsetOf(view) ?? 0) as Three;
  const spec = parseOptimizerSpec(rules.optimizer);
  const schedule = parseScheduleSpec(rules.schedule);
  const { weight } = parseStalenessSpec(rules.staleness);
  const optimizer = createOptimizer(spec, { size, kernels, memory });
  const payloads = createPayloads(rules, size, { kernels, memory });
  const { consistency, aggregation } = rules;
  /** True in a step: always, never, or in a warm-up. */
  let isSynchronous = consistency.mode === "synchronous";
  const isBuffered = consistency.mode === "asynchronous" && (consistency.buffer ?? 1) > 1;
  /** Of the sum in a step or a buffer: mean over samples, sum, or mean over pushes weighted by staleness. */
  const factorOf = ({ push, staleness }: Applied): number => {
    if (!isSynchronous) return isBuffered ? stalenessWeight(weight, staleness) : 1;
    return aggregation === "mean" ? push.samples : 1;
  };
  return {
    values: values.view,
    update(version, applied) {
      isSynchronous = version < synchronousSteps(consistency);
      const isMean = isSynchronous && aggregation === "mean";
      const those = applied.filter(({ push }) => push.samples > 0);
      for (const [index, each] of those.entries()) {
        payloads.decode(each.push, gradient.view, gradientAt);
        if (index === 0) kernels.scaleInto(gradientAt, sumAt, size, factorOf(each));
        else kernels.axpy(gradientAt, sumAt, size, factorOf(each));
      }
      const samples = those.reduce((all, { push }) => all + push.samples, 0);
      if (isMean && samples > 0) kernels.scale(sumAt, size, 1 / samples);
      if (!isSynchronous && isBuffered && samples > 0) kernels.scale(sumAt, size, 1 / those.length);
      const [only] = those;
      const alone = !isSynchronous && !isBuffered && only !== undefined ? stalenessWeight(weight, only.staleness) : 1;
      const rate = alone * learningRateAt(schedule, baseLearningRateOf(spec), version);
      const summed = isSynchronous && aggregation === "sum" ? Math.max(1, those.length) : 1;
      if (samples > 0) optimizer.step(at, isSynchronous || isBuffered ? sumAt : gradientAt, rate, summed);
    },
    dispose() {
      optimizer.dispose();
      payloads.dispose();
      for (const vector of [values, sum, gradient]) vector.release();
    },
  };
}

type Three = [number, number, number];

interface Payloads {
  decode(push: WitnessedPush, view: Float32Array, into: Offset): void;
  dispose(): void;
}

/** Turns what was pushed into gradients again. */
function createPayloads(
  { encoding }: HostShards,
  size: number,
  site: { readonly kernels: Kernels; readonly memory: KernelMemory },
): Payloads {
  const { memory } = site;
  const spec = parseEncodingSpec(encoding?.push ?? { name: "float32" });
  let decoder: Decoder | undefined;
  return {
    decode(push, view, into) {
      if (push.encoding === undefined) {
        view.set(push.gradient);
        return;
      }
      if (spec.name === "auto" || spec.name !== push.encoding) throw new Error(`a push is written as ${push.encoding}`);
      decoder ??= createDecoder(spec, { ...site, size });
      const region = memory.allocate(push.gradient.byteLength);
      memory.floats(region.byteOffset, push.gradient.length).set(push.gradient);
      decoder.decode(region.byteOffset, push.gradient.byteLength, into);
      memory.free(region);
    },
    dispose: () => decoder?.dispose(),
  };
}
