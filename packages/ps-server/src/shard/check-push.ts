/** Checks of a push that need no policy: numbers in range, a gradient that fits and is finite. */
import { ShoalError } from "@shoal/errors";
import type { PushHeader, PushCommand } from "./requests.ts";
import { refusal } from "./requests.ts";
import { maximumBatchesOfPush, type Refusal } from "@shoal/protocol";
import { consistencyNow } from "./consistency-now.ts";
import { describeShard, type ShardState } from "./shard-state.ts";

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= 0xffff_ffff;

/** The first field of a push header that is out of range, as a sentence; undefined when all are right. */
export function findHeaderFault(header: PushHeader): string | undefined {
  const { sequence, clock, baseVersion, batch, batches = 1, samples } = header;
  for (const [name, value] of Object.entries({ clock, baseVersion, batch: batch ?? 0, samples })) {
    if (!isCount(value)) return `${name} must be an integer from 0 to 4,294,967,295, not ${value}`;
  }
  if (!isCount(batches) || batches < 1 || batches > maximumBatchesOfPush || !isCount((batch ?? 0) + batches - 1)) {
    return `batches must be an integer from 1 to ${maximumBatchesOfPush}, not ${batches}`;
  }
  return isCount(sequence) && sequence > 0 ? undefined : `sequence must be an integer from 1, not ${sequence}`;
}

/** A gradient that may be used: where it lies, and its squared norm. */
export interface CheckedGradient {
  readonly offset: number;
  /** What was pushed: the gradient itself, or its encoded form, which lasts longer than what was decoded from it. */
  readonly payload: number;
  readonly squaredNorm: number;
}

const emptyGradient: CheckedGradient = { offset: 0, payload: 0, squaredNorm: 0 };

/** Looks at a gradient once. A push of 0 samples needs none. */
export function checkGradient(state: ShardState, command: PushCommand): CheckedGradient | Refusal {
  const { gradient, samples, encoding } = command.push;
  const who = `${command.sender.name} pushed to ${describeShard(state)}`;
  if (samples === 0) return emptyGradient;
  const expected = state.codec.wordsOf(encoding);
  if (expected === undefined) {
    return refusal("invalid_argument", `${who} a gradient as ${encoding ?? "float32"}, which the run does not have`, {
      field: "encoding",
    });
  }
  if (gradient.length !== expected) {
    const details = { expected, actual: gradient.length };
    const as = encoding === undefined ? "" : `, which take ${expected} as ${encoding}`;
    return refusal("layout_mismatch", `${who} ${gradient.length} values for a range of ${state.size}${as}`, details);
  }
  const payload = state.vectors.offsetOf(gradient);
  if (payload === undefined) {
    return refusal("invalid_argument", `${who} a gradient outside the kernel memory`, { field: "gradient" });
  }
  let offset: number;
  try {
    offset = state.codec.read(payload, encoding);
  } catch (error) {
    return { type: "refused", error: ShoalError.from(error).toJSON() };
  }
  const squaredNorm = state.vectors.squaredNorm(offset);
  // Squares overflow before their roots do: only the elements themselves tell.
  const fault = Number.isFinite(squaredNorm) ? undefined : findSumFault(state, offset, samples);
  if (fault !== undefined) {
    return refusal("not_finite", `${who} a gradient with ${fault}`, {
      worker: command.sender.name,
      shard: state.options.shard,
      clock: command.push.clock,
      ...(command.push.batch !== null && { batch: command.push.batch }),
    });
  }
  return { offset, payload, squaredNorm };
}

/** Half of what float32 holds: sums round. */
const greatestSum = 2 ** 127;

/** What keeps a sum with this gradient from being finite, whatever others of such magnitudes are in it. */
function findSumFault(state: ShardState, gradient: number, samples: number): string | undefined {
  const { options, vectors } = state;
  const most = vectors.maxAbs(gradient);
  if (!(most < Infinity)) return "NaN or infinite values";
  const isStep = consistencyNow(state).mode === "synchronous";
  const weight = isStep && options.aggregation === "mean" ? samples : 1;
  const share = greatestSum / weight / (isStep ? options.slots : (vectors.buffer?.capacity ?? 1));
  return most <= share ? undefined : `magnitudes up to ${most}, of which ${describeShard(state)} can sum ${share}`;
}
