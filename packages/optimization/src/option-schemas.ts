/** Ranges that options of several optimisers share. */
import { z } from "zod";

/** A finite number ≥ 0. */
export function nonNegative(fallback: number): z.ZodDefault<z.ZodNumber> {
  return z.number().min(0).default(fallback);
}

/** A share in [0, 1): what an exponential average keeps of its past. */
export const share: z.ZodNumber = z.number().min(0).lt(1);
