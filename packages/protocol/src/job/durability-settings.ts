/** What of a run outlives the loss of a server, or of everything. */
import { z } from "zod";
import type { AcknowledgeMode } from "../exchange/replication.ts";

/** When a run is written down whole; see `docs/durability.md`. */
export interface SnapshotSettings {
  /** Synchronous steps, or updates of the shards, between two snapshots; null: by time alone. */
  readonly everySteps: number | null;
  /** Seconds between two snapshots; null: by steps alone. */
  readonly everySeconds: number | null;
  /** Snapshots that are kept, the newest. */
  readonly keep: number;
}

export interface DurabilitySettings {
  /** Copies of each shard beside its primary, on other servers; null: the cluster's default. */
  readonly replicas: number | null;
  readonly acknowledge: AcknowledgeMode;
  /**
   * Whether shards keep the values before the newest synchronous step. A step that only some shards have applied when all
   * workers that had its values die can then be computed again; without them such a run fails. Costs as much memory as the
   * values and a copy of them a step. null: where shards have copies.
   */
  readonly formerValues: boolean | null;
  /** null: no snapshots while the run goes on. */
  readonly snapshots: SnapshotSettings | null;
}

const interval = z.int().min(1).max(0xffff_ffff).nullable().default(null);

export const durabilitySettingsSchema: z.ZodType<DurabilitySettings> = z.strictObject({
  replicas: z.int().min(0).max(7).nullable().default(null),
  acknowledge: z.enum(["memory", "replicated"]).default("replicated"),
  formerValues: z.boolean().nullable().default(null),
  snapshots: z
    .strictObject({ everySteps: interval, everySeconds: interval, keep: z.int().min(1).max(1000).default(3) })
    .nullable()
    .default(null),
});
