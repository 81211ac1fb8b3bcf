/** Times of spans from the injected clock. */
import type { HrTime } from "@opentelemetry/api";

/** Seconds and nanoseconds: a plain number would be taken for one or another kind of time by its size. */
export function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
