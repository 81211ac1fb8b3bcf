/** Right answers of a batch, as far as a loss has such a thing. */
import type { Kernels } from "@shoal/kernels-wasm";
import { judgementOf } from "./losses.ts";
import type { PlanTarget } from "./plan-inputs.ts";
import type { OutputFrame } from "./run.ts";

/** Of the first output that can be judged. With several answers a row: the right ones by their number. */
export function countCorrect(kernels: Kernels, outputs: readonly OutputFrame[], rows: number): number {
  for (const output of outputs) {
    const judgement = judgementOf(output.loss, output.classes);
    if (judgement === "none") continue;
    const answers = rows * output.positions;
    if (judgement === "sign") return countSameSide(output.values(), output.target, answers) / output.positions;
    kernels.argmaxRows(output.offset, output.predictedAt, answers, output.classes);
    if (judgement === "greatest") kernels.argmaxRows(output.answers, output.expectedAt, answers, output.classes);
    const expected = output.target.kind === "labels" ? output.target.labels : output.expected();
    return countEqual(output.predicted(), expected, answers) / output.positions;
  }
  return 0;
}

function countEqual(left: Int32Array, right: Int32Array, count: number): number {
  let equal = 0;
  for (let index = 0; index < count; index += 1) if (left[index] === right[index]) equal += 1;
  return equal;
}

/** A positive logit stands for a target above one half. */
function countSameSide(logits: Float32Array, target: PlanTarget, count: number): number {
  if (target.kind !== "numbers") return 0;
  const { numbers } = target;
  let equal = 0;
  for (let index = 0; index < count; index += 1) {
    if ((logits[index] ?? 0) > 0 === (numbers[index] ?? 0) > 0.5) equal += 1;
  }
  return equal;
}
