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
  /**
   * Synchronous mode: a step of S slots is closed when S − `backup` contributions are there (backup workers: Chen et al.
   * 2016, arXiv 1604.00981). Late ones are dropped, and their batches are not trained on in that epoch, so the result
   * depends on who was late: two runs do not give the same bits. 0: every step waits for all.
   */
  readonly backup: number;
}

export const stragglerSettingsSchema: z.ZodType<StragglerSettings> = z.strictObject({
  adaptiveBatch: z.boolean().default(false),
  predictedWaiting: z.boolean().default(false),
  backup: z.int().min(0).max(65_535).default(0),
});
