/** How many batches one lease holds: long enough to be rare, short enough that a death returns little. */

export interface LeaseSizing {
  readonly totalBatches: number;
  readonly freeBatches: number;
  /** Live workers of the run. */
  readonly workers: number;
  /** The worker's part of the speed of them all, 0 to 1. */
  readonly speedShare: number;
  /** Least that is worth a lease: one iteration. */
  readonly leastBatches: number;
  /** Batches the worker finished in a millisecond of computing and waiting; null before its first report. */
  readonly batchesPerMs: number | null;
  /** Time that one lease should last, ms. */
  readonly leaseWorkMs: number;
}

/** Iterations of a worker's first lease, when its speed is unknown. */
export const firstLeaseIterations = 4;

/**
 * Work for `leaseWorkMs`, at most a quarter of a fair share of the run, and at most half of what the worker would get of
 * the free batches if all ended together: so the last leases shrink, and a slow worker holds none that others wait for
 * (guided self-scheduling: Polychronopoulos and Kuck 1987, weighted by speed). At least one iteration.
 */
export function leaseSize(sizing: LeaseSizing): number {
  const { totalBatches, freeBatches, workers, speedShare, leastBatches, batchesPerMs, leaseWorkMs } = sizing;
  const first = firstLeaseIterations * leastBatches;
  const wanted = batchesPerMs === null ? first : Math.ceil(batchesPerMs * leaseWorkMs);
  const share = Math.floor(totalBatches / (4 * workers));
  const tail = Math.ceil((freeBatches * speedShare) / 2);
  const size = Math.max(1, leastBatches, Math.min(wanted, share, tail));
  // Whole iterations: a shorter one at the end of each lease would carry the worker's clock away.
  return Math.ceil(Math.floor(size / leastBatches) * leastBatches);
}

/** Weight of the newest report in the smoothed speed. */
const newestWeight = 0.3;

/** Speed of a worker as an exponential mean over its reports. @param busyMs computing and waiting time of the report */
export function smoothSpeed(previous: number | null, batches: number, busyMs: number): number | null {
  if (batches === 0 || busyMs <= 0) return previous;
  const measured = batches / busyMs;
  return previous === null ? measured : previous + newestWeight * (measured - previous);
}
