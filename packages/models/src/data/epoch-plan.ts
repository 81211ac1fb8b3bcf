/**
 * Cuts the epochs of a run into numbered batches; what a contribution is does not depend on who computes it.
 *
 * Batch b belongs to step ⌊b / slots⌋ and slot b mod slots, counted over all epochs. Step t of an epoch covers the
 * positions [t·S·B, min((t+1)·S·B, N)) of the epoch's seeded order. In a full step slot r has the r-th B positions; the
 * last, partial step is divided as evenly as possible, the first slots taking one more, so a slot may have none. A step
 * may also be cut into slots of given sizes with the same sum; a partial one is then cut in their proportions.
 *
 * Invariant  E1  over the batches of one epoch every position in [0, samples) occurs exactly once.
 */
export interface EpochPlanOptions {
  readonly samples: number;
  /** Samples of one slot in a full step. */
  readonly batchSize: number;
  /** Contributions to one step. */
  readonly slots: number;
  readonly epochs: number;
}

/** Positions [begin, end) in the order of `epoch`. */
export interface Batch {
  readonly epoch: number;
  /** Counted over all epochs. */
  readonly step: number;
  readonly slot: number;
  readonly begin: number;
  readonly end: number;
}

export interface EpochPlan extends EpochPlanOptions {
  readonly stepsPerEpoch: number;
  readonly batchesPerEpoch: number;
  readonly totalSteps: number;
  readonly totalBatches: number;
  /**
   * @param sizes samples of each slot in a full step; absent: all alike
   * @throws RangeError when `number` is not in [0, totalBatches), or the sizes do not make up a step
   */
  batch(number: number, sizes?: readonly number[]): Batch;
}

/** Makes the plan; all of it is arithmetic, nothing is stored. @throws RangeError for counts that are not positive integers */
export function createEpochPlan(options: EpochPlanOptions): EpochPlan {
  const { samples, batchSize, slots, epochs } = options;
  for (const [name, value] of Object.entries({ samples, batchSize, slots, epochs })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`${name} must be a positive integer, got ${value}`);
    }
  }
  const stepSize = batchSize * slots;
  const stepsPerEpoch = Math.ceil(samples / stepSize);
  const batchesPerEpoch = stepsPerEpoch * slots;
  const totalBatches = batchesPerEpoch * epochs;
  return {
    samples,
    batchSize,
    slots,
    epochs,
    stepsPerEpoch,
    batchesPerEpoch,
    totalSteps: stepsPerEpoch * epochs,
    totalBatches,
    batch(number, sizes) {
      if (!Number.isSafeInteger(number) || number < 0 || number >= totalBatches) {
        throw new RangeError(`batch ${number} is not in [0, ${totalBatches})`);
      }
      const step = Math.floor(number / slots);
      const slot = number % slots;
      const first = (step % stepsPerEpoch) * stepSize;
      const length = Math.min(stepSize, samples - first);
      const cutAt = sizes === undefined ? slotBegin : unevenCut(sizes, slots, stepSize);
      const begin = first + cutAt(slot, length, slots);
      const end = first + cutAt(slot + 1, length, slots);
      return { epoch: Math.floor(step / stepsPerEpoch), step, slot, begin, end };
    },
  };
}

/** Where `slot` begins when `length` positions are divided over `slots`; a full step divides without remainder. */
function slotBegin(slot: number, length: number, slots: number): number {
  return slot * Math.floor(length / slots) + Math.min(slot, length % slots);
}

/** The same for slots of these sizes: the points are monotone and end at `length`, so E1 holds. */
function unevenCut(sizes: readonly number[], slots: number, stepSize: number): typeof slotBegin {
  const sum = sizes.reduce((all, size) => all + size, 0);
  if (sizes.length !== slots || sum !== stepSize || sizes.some((size) => size < 0)) {
    throw new RangeError(
      `the sizes of ${sizes.length} slots (${sum} samples) are no step of ${slots} slots (${stepSize})`,
    );
  }
  return (slot, length) => {
    let before = 0;
    for (let index = 0; index < slot; index += 1) before += sizes[index] ?? 0;
    return Math.floor((length * before) / stepSize);
  };
}
