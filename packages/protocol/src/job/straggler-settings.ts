/** What a run does about workers that are slower than the others. Each cure is off unless its comment says otherwise. */
import { z } from "zod";

export interface StragglerSettings {
  /**
   * Synchronous mode: each slot's part of a step's samples follows the measured speed of its owner; the step stays as
   * large. Which samples a slot has then depends on measured times, so two runs do not give the same bits.
   */
  readonly adaptiveBatch: boolean;
  /**
   * Synchronous mode: a shard closes a step when waiting for the rest is predicted to gain less than it costs. Late
   * contributions are dropped, so the result depends on who was late: two runs do not give the same bits.
   */
  readonly predictedWaiting: boolean;
}

export const stragglerSettingsSchema: z.ZodType<StragglerSettings> = z.strictObject({
  adaptiveBatch: z.boolean().default(false),
  predictedWaiting: z.boolean().default(false),
});
