/** The watch over a run that cannot learn. */
import { z } from "zod";

export interface GuardSettings {
  /**
   * What happens to a run that cannot learn. `stop`: it fails with `cannot_learn` and a sentence that says why.
   * `fall_back`: a run without a weight for stale gradients goes on with inverse weights; it is stopped when that does
   * not help, or when stale gradients are not the cause. `warn`: the sentence stands in the status. `off`: nothing.
   */
  readonly action: "stop" | "fall_back" | "warn" | "off";
  /** Steps (batches outside synchronous mode) without a better loss before the loss counts as flat. */
  readonly patience: number;
}

export const guardSettingsSchema: z.ZodType<GuardSettings> = z.strictObject({
  action: z.enum(["stop", "fall_back", "warn", "off"]).default("stop"),
  patience: z.int().min(20).max(1_000_000).default(400),
});
