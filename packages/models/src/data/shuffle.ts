/** The seeded order of the samples of each epoch, the same in every process. */
import { createCounterRandom } from "../random/counter-random.ts";

export interface Shuffle {
  /** The permutation of `epoch`, kept until another epoch is asked for: borrow it, do not change it. */
  order(epoch: number): Uint32Array;
}

/** Fisher–Yates over a counter-based generator: one permutation for each (seed, epoch). @param samples at most 2³² */
export function createShuffle(seed: number, samples: number): Shuffle {
  let lastEpoch = -1;
  let last: Uint32Array = new Uint32Array(0);
  return {
    order(epoch) {
      if (epoch !== lastEpoch) {
        last = permutation(seed, samples, epoch);
        lastEpoch = epoch;
      }
      return last;
    },
  };
}

function permutation(seed: number, samples: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: samples }, (_, index) => index);
  const random = createCounterRandom(seed, "shuffle", epoch);
  for (let last = samples - 1; last > 0; last -= 1) {
    const chosen = random.below(last + 1);
    const moved = order[last] ?? 0;
    order[last] = order[chosen] ?? 0;
    order[chosen] = moved;
  }
  return order;
}
