/** Parameters that are updated in a way of their own: named by a pattern, resolved to key ranges by the coordinator. */
import { z } from "zod";

export interface ParameterGroup {
  /** A parameter's name; `*` stands for any characters: `*.bias`, `blocks.0.*`. The first group that matches counts. */
  readonly parameters: string;
  /** Instead of the optimiser's: L2 or decoupled as the optimiser defines it. */
  readonly weightDecay?: number | undefined;
  /** Factor on the step's learning rate. Default 1. */
  readonly learningRateScale?: number | undefined;
  /** The values stay as they are, whatever the gradient. Default false. */
  readonly frozen?: boolean | undefined;
}

export const parameterGroupSchema: z.ZodType<ParameterGroup> = z.strictObject({
  parameters: z.string().min(1).max(200),
  weightDecay: z.number().min(0).optional(),
  learningRateScale: z.number().min(0).optional(),
  frozen: z.boolean().optional(),
});

/** Groups of one job. */
export const maximumParameterGroups = 256;
