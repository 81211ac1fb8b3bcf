/** What a run knows of key ranges that are to be cut. */
import type { KeyRange } from "@shoal/protocol";

export interface SplitProgress {
  /** Since when a range is too hot to be balanced, and which; null: none is. */
  readonly hot: { readonly sinceMs: number; readonly reason: string } | null;
  /** The ranges that the run goes on with once it is copied; null: they stay. */
  readonly ranges: readonly KeyRange[] | null;
  /** When that was decided. */
  readonly decidedAtMs: number;
  /** Runs whose batches are leased: whom it waits for before it is copied; null: it is at rest, and stays so. */
  readonly awaits: string | null;
  /** Why the last attempt was given up; empty: it was not. */
  readonly failure: string;
  /** How often that was decided, in all attempts. */
  readonly count: number;
}

export const neverSplit: SplitProgress = {
  ...{ hot: null, ranges: null, decidedAtMs: 0, awaits: null, failure: "", count: 0 },
};
