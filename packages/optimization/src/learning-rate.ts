/** The learning rate that a schedule gives to a step; the closed forms of PyTorch's schedulers. */
import { defaultStartFactor, defaultStepGamma, type ScheduleSpec } from "./schedule-spec.ts";

/**
 * @param base - learning rate of the optimiser, the schedule's starting point (its goal for a warm-up)
 * @param step - counts from 0
 */
export function learningRateAt(schedule: ScheduleSpec, base: number, step: number): number {
  switch (schedule.name) {
    case "constant":
      return base;
    case "step":
      return base * (schedule.gamma ?? defaultStepGamma) ** Math.floor(step / schedule.stepSize);
    case "exponential":
      return base * schedule.gamma ** step;
    case "cosine": {
      const minimum = schedule.minimum ?? 0;
      const progress = Math.min(step / schedule.totalSteps, 1);
      return minimum + ((base - minimum) * (1 + Math.cos(Math.PI * progress))) / 2;
    }
    case "linear-warmup": {
      const start = schedule.startFactor ?? defaultStartFactor;
      const progress = Math.min(step / schedule.warmupSteps, 1);
      return base * (start + (1 - start) * progress);
    }
  }
}
