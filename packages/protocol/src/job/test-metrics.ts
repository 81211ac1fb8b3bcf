/** Metrics of the test split, by their names: asked for, measured, and a reason to stop. */
import { z } from "zod";

/** Most metrics of one result, and the longest name. */
const metricBounds = { count: 32, nameLength: 160 } as const;

const metricNameSchema = z.string().min(1).max(metricBounds.nameLength);

export const metricNamesSchema: z.ZodType<readonly string[]> = z.array(metricNameSchema).max(metricBounds.count);

export const metricsSchema: z.ZodType<Readonly<Record<string, number>>> = z
  .record(metricNameSchema, z.number())
  .refine((metrics) => Object.keys(metrics).length <= metricBounds.count, `at most ${metricBounds.count} metrics`);

/** The run ends when the metric reaches the one bound or the other. */
export type StopMetric =
  | { readonly name: string; readonly atLeast: number; readonly atMost?: undefined }
  | { readonly name: string; readonly atMost: number; readonly atLeast?: undefined };

export const stopMetricSchema: z.ZodType<StopMetric> = z.union(
  [
    z.strictObject({ name: metricNameSchema, atLeast: z.number() }),
    z.strictObject({ name: metricNameSchema, atMost: z.number() }),
  ],
  { error: "expected { name, atLeast } or { name, atMost }" },
);
