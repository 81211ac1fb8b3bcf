/** What the guard of a run remembers. */
import type { ShardSummary } from "@shoal/protocol";
import { emptyHistory, type LossHistory } from "./loss-history.ts";

/** What a shard measures of its own learning. */
export type VitalSigns = Pick<ShardSummary, "stalenessP95" | "gradientNorm" | "updateRatio" | "bound">;

export interface GuardState {
  readonly losses: LossHistory;
  /** What each shard said last. */
  readonly signs: ReadonlyMap<number, VitalSigns>;
  /** When the shards were asked last. */
  readonly askedAtMs: number;
  /** Why stale gradients are weighted by their staleness, against what the job says; null: they are not. */
  readonly fellBack: string | null;
  /** What people should know; null: nothing. */
  readonly warning: string | null;
}

export const newGuard: GuardState = {
  losses: emptyHistory,
  signs: new Map(),
  askedAtMs: Number.NEGATIVE_INFINITY,
  fellBack: null,
  warning: null,
};
