/** Computing that takes time for each sample, on any clock: what speeds are measured by. */
import type { Clock } from "@shoal/actors";
import type { ComputePort } from "@shoal/worker";

export function slowCompute(compute: ComputePort, clock: Clock, msPerSample: number): ComputePort {
  if (msPerSample === 0) return compute;
  return {
    ...compute,
    async gradient(task) {
      const done = await compute.gradient(task);
      const ms = msPerSample * done.samples;
      await new Promise<void>((resolve) => void clock.after(ms, resolve));
      return { ...done, endedAtMs: done.startedAtMs + ms };
    },
  };
}
