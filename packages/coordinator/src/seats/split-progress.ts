/** What a run knows of key ranges that are to be cut. */
import type { KeyRange } from "@shoal/protocol";

export interface SplitProgress {
  /** Since when a range is too hot to be balanced, and which; null: none is. */
  readonly hot: { readonly sinceMs: number; readonly reason: string } | null;
  /** The ranges that the run goes on with once it is copied; null: they stay. */
  readonly ranges: readonly KeyRange[] | null;
  /** How often that was decided, in all attempts. */
  readonly count: number;
}

export const neverSplit: SplitProgress = { hot: null, ranges: null, count: 0 };
