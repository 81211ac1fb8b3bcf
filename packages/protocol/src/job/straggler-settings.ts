/** What a run does about workers that are slower than the others. Each cure is off unless its comment says otherwise. */
import { z } from "zod";

export interface StragglerSettings {
  /**
   * Synchronous mode: each slot's part of a step's samples follows the measured speed of its owner; the step stays as
   * large. Which samples a slot has then depends on measured times, so two runs do not give the same bits.
   *
   * Bounded and asynchronous mode: a slow worker's iterations are of fewer samples, so that all last alike, and its
   * gradients weigh by their samples. Batches are then counted in parts, up to eight of a batch.
   */
  readonly adaptiveBatch: boolean;
  /**
   * Synchronous mode: slots of a slow worker move to faster ones; for jobs of several slots a worker (`slots`, four a
   * worker say). Keeps the bits: slots decide what is computed, not their owners. In the other modes leases follow
   * the speeds without it.
   */
  readonly handOff: boolean;
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

const schema = z.strictObject({
  adaptiveBatch: z.boolean().default(false),
  handOff: z.boolean().default(false),
  predictedWaiting: z.boolean().default(false),
  backup: z.int().min(0).max(65_535).default(0),
});

/**
 * "recommended": adaptive batches, in every mode. They keep each sample and everybody busy, and cost nothing but the
 * equality of bits, which only synchronous mode has.
 */
export const recommended = "recommended";

export const stragglerSettingsSchema: z.ZodType<StragglerSettings> = z.preprocess((input, context) => {
  if (input === recommended) return { adaptiveBatch: true };
  if (typeof input !== "string") return input;
  context.addIssue({ code: "custom", message: `expected "${recommended}" or an object`, input });
  return z.NEVER;
}, schema);
