/**
 * What lossy encodings have left unsent, by worker, and what of it is lost: a worker died, or came again without it.
 *
 * Bounds  One entry for each worker that ever reported an unsent error.
 */
import type { ProgressFigures, UnsentStatus } from "@shoal/protocol";

interface Entry {
  readonly incarnation: number;
  readonly norm: number;
}

export interface RunUnsent {
  /** Of each worker's newest report. */
  readonly workers: ReadonlyMap<number, Entry>;
  /** Of lives that another life of the same worker has followed without it. */
  readonly lost: { readonly workers: number; readonly squaredNorm: number };
}

export const noUnsent: RunUnsent = { workers: new Map(), lost: { workers: 0, squaredNorm: 0 } };

/** Takes what a report says of the worker's unsent error. */
export function noteUnsent(
  unsent: RunUnsent,
  { member, incarnation }: { readonly member: number; readonly incarnation: number },
  { unsentNorm, restored = false }: Pick<ProgressFigures, "unsentNorm" | "restored">,
): RunUnsent {
  const before = unsent.workers.get(member);
  if (unsentNorm === undefined && before === undefined) return unsent;
  const isLost = before !== undefined && before.incarnation !== incarnation && before.norm > 0 && !restored;
  const { workers, squaredNorm } = unsent.lost;
  return {
    workers: new Map(unsent.workers).set(member, { incarnation, norm: unsentNorm ?? 0 }),
    lost: isLost ? { workers: workers + 1, squaredNorm: squaredNorm + before.norm ** 2 } : unsent.lost,
  };
}

/** @param isThere the worker takes part in this life. Where it does not, its error is lost until it comes again with it */
export function unsentStatus(
  { workers, lost }: RunUnsent,
  isThere: (life: { readonly member: number; readonly incarnation: number }) => boolean,
): UnsentStatus | undefined {
  if (workers.size === 0) return undefined;
  let [kept, lostWorkers, gone] = [0, lost.workers, lost.squaredNorm];
  for (const [member, { incarnation, norm }] of workers) {
    if (isThere({ member, incarnation })) kept += norm ** 2;
    else if (norm > 0) [lostWorkers, gone] = [lostWorkers + 1, gone + norm ** 2];
  }
  return { norm: Math.sqrt(kept), lostWorkers, lostNorm: Math.sqrt(gone) };
}
