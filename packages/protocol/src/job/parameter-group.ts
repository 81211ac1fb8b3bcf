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

/** True when `pattern`, in which `*` stands for any characters, is the whole of `name`. One pass, no backtracking. */
export function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  if (parts.length === 1) return name === first;
  const last = parts.at(-1) ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = name.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from <= name.length - last.length;
}

/** The group that a parameter belongs to: the first whose pattern matches its name. */
export function groupOf(groups: readonly ParameterGroup[], name: string): ParameterGroup | undefined {
  return groups.find(({ parameters }) => matchesPattern(parameters, name));
}

/** Groups of one job. */
export const maximumParameterGroups = 256;
