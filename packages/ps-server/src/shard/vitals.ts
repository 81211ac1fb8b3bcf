/**
 * What a shard measures of its own learning, for the run's guard: how stale its pushes are, how large the gradients, and
 * by how much an update changes the values.
 *
 * Bounds  The newest 256 stalenesses; one update in `intervalMs` is looked at, on at most 4,096 keys: no vector is copied.
 */

/** Newest stalenesses that the percentile is taken over. */
const rememberedStalenesses = 256;
/** Keys whose values are compared before and after an update. */
const maximumKeys = 4096;
/** Least time between two updates that are looked at, ms. */
const intervalMs = 200;

export interface VitalSigns {
  /** 95th percentile of the newest stalenesses; 0 before the first. */
  readonly stalenessP95: number;
  /** Norm of the gradient of the update that was looked at last; null before the first. */
  readonly gradientNorm: number | null;
  /** ‖Δw‖ / ‖w‖ of that update over the keys that were looked at; null before the first, and for values that are all 0. */
  readonly updateRatio: number | null;
}

export interface Vitals {
  noteStaleness(staleness: number): void;
  /**
   * Called before an update.
   * @param values [size] before the update; not kept
   * @param now clock time, ms
   * @returns undefined when this update is not looked at; else to be called after it with the values then
   */
  begin(values: Float32Array, now: number): ((values: Float32Array, gradientNorm: number) => void) | undefined;
  signs(): VitalSigns;
}

export function createVitals(): Vitals {
  const stalenesses: number[] = [];
  let next = 0;
  let lastAtMs = Number.NEGATIVE_INFINITY;
  let gradientNorm: number | null = null;
  let updateRatio: number | null = null;
  return {
    noteStaleness(staleness) {
      stalenesses[next] = staleness;
      next = (next + 1) % rememberedStalenesses;
    },
    begin(values, now) {
      if (now - lastAtMs < intervalMs) return undefined;
      lastAtMs = now;
      const before = sampleOf(values);
      return (after, norm) => {
        gradientNorm = Number.isFinite(norm) ? norm : null;
        updateRatio = ratioOf(before, sampleOf(after));
      };
    },
    signs: () => ({ stalenessP95: percentile95(stalenesses), gradientNorm, updateRatio }),
  };
}

/** Evenly spread elements. */
function sampleOf(values: Float32Array): Float32Array {
  const stride = Math.ceil(values.length / maximumKeys);
  return Float32Array.from({ length: Math.floor(values.length / stride) }, (_, index) => values[index * stride] ?? 0);
}

function ratioOf(before: Float32Array, after: Float32Array): number | null {
  let changed = 0;
  let whole = 0;
  for (const [index, value] of before.entries()) {
    changed += ((after[index] ?? 0) - value) ** 2;
    whole += value ** 2;
  }
  const ratio = Math.sqrt(changed / whole);
  return Number.isFinite(ratio) ? ratio : null;
}

function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0;
}
