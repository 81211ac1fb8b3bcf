/**
 * The update of a step as a second implementation of parameter groups: each tensor has an optimiser of its own, and what
 * becomes of it is decided by its name with a regular expression. Knows nothing of ranges, shards or treatments.
 */
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import type { ParameterLayout, Segment } from "@shoal/models";
import { createOptimizer, type OptimizerSpec } from "@shoal/optimization";
import type { JobSpec } from "@shoal/protocol";

export interface PlainUpdate {
  step(values: Offset, gradient: Offset, learningRate: number): void;
  /** Bounds a contribution as the job says. */
  clip(gradient: Offset): void;
  dispose(): void;
}

type GroupedJob = Pick<JobSpec, "optimizer" | "parameterGroups" | "gradientClip">;

function groupOf(job: GroupedJob, { name }: Segment): JobSpec["parameterGroups"][number] {
  const escaped = (pattern: string): string => pattern.replace(/[.[\]]/g, "\\$&").replaceAll("*", ".*");
  const found = job.parameterGroups.find(({ parameters }) => new RegExp(`^${escaped(parameters)}$`).test(name));
  return found ?? { parameters: "*" };
}

export function createPlainUpdate(
  job: GroupedJob,
  layout: ParameterLayout,
  kernels: Kernels,
  memory: KernelMemory,
): PlainUpdate {
  const parts = layout.segments.map((segment) => {
    const { weightDecay, learningRateScale = 1, frozen = false } = groupOf(job, segment);
    const spec = {
      ...job.optimizer,
      ...(weightDecay === undefined ? {} : { weightDecay }),
    } as unknown as OptimizerSpec;
    const isFrozen = segment.frozen || frozen;
    const optimizer = createOptimizer(spec, { size: segment.length, kernels, memory });
    return { ...segment, at: segment.offset * 4, optimizer, learningRateScale, isFrozen };
  });
  const learning = parts.filter(({ isFrozen, role }) => !isFrozen && role !== "statistic");
  return {
    step(values, gradient, learningRate) {
      for (const { at, length, role, rate = 1, optimizer, learningRateScale, isFrozen } of parts) {
        if (isFrozen) continue;
        if (role === "statistic") kernels.axpy(gradient + at, values + at, length, -rate);
        else optimizer.step(values + at, gradient + at, learningRate * learningRateScale);
      }
    },
    clip(gradient) {
      const clip = job.gradientClip;
      if (clip === null) return;
      const views = learning.map(({ at, length }) => memory.floats(gradient + at, length));
      if ("value" in clip) {
        for (const view of views) view.forEach((g, i) => (view[i] = Math.max(-clip.value, Math.min(clip.value, g))));
        return;
      }
      const norm = Math.sqrt(views.reduce((sum, view) => view.reduce((inner, g) => inner + g * g, sum), 0));
      const factor = clip.norm / (norm + 1e-6);
      if (factor < 1) for (const { at, length } of learning) kernels.scale(gradient + at, length, factor);
    },
    dispose() {
      for (const { optimizer } of parts) optimizer.dispose();
    },
  };
}
