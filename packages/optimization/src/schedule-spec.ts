/** A learning-rate schedule as data. Steps count from 0; a step is one update of the parameters. */
import { z } from "zod";
import { checkSpec, type SchemasByName } from "./check-spec.ts";
import { nonNegative } from "./option-schemas.ts";

/** base, always. */
export interface ConstantSchedule {
  readonly name: "constant";
}

/** base·gamma^⌊step/stepSize⌋. Default gamma 0.1. */
export interface StepSchedule {
  readonly name: "step";
  readonly stepSize: number;
  readonly gamma?: number | undefined;
}

/** base·gamma^step. */
export interface ExponentialSchedule {
  readonly name: "exponential";
  readonly gamma: number;
}

/**
 * From base down to `minimum` (default 0) along half a cosine over `totalSteps`, and `minimum` after that.
 * Loshchilov and Hutter, ICLR 2017, without restarts.
 */
export interface CosineSchedule {
  readonly name: "cosine";
  readonly totalSteps: number;
  readonly minimum?: number | undefined;
}

/** From base·startFactor up to base in a straight line over `warmupSteps`, and base after that. Default factor ⅓. */
export interface LinearWarmupSchedule {
  readonly name: "linear-warmup";
  readonly warmupSteps: number;
  readonly startFactor?: number | undefined;
}

export type ScheduleSpec =
  ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule | LinearWarmupSchedule;

type Resolved<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };

/** The same with every option present; itself a valid {@link ScheduleSpec}. */
export type ResolvedScheduleSpec =
  | ConstantSchedule
  | Resolved<StepSchedule>
  | Resolved<ExponentialSchedule>
  | Resolved<CosineSchedule>
  | Resolved<LinearWarmupSchedule>;

export const defaultStepGamma = 0.1;
export const defaultStartFactor: number = 1 / 3;

const steps = z.int().min(1);

const schemas: SchemasByName<ResolvedScheduleSpec> = {
  constant: z.strictObject({ name: z.literal("constant") }),
  step: z.strictObject({ name: z.literal("step"), stepSize: steps, gamma: nonNegative(defaultStepGamma) }),
  exponential: z.strictObject({ name: z.literal("exponential"), gamma: z.number().min(0) }),
  cosine: z.strictObject({ name: z.literal("cosine"), totalSteps: steps, minimum: nonNegative(0) }),
  "linear-warmup": z.strictObject({
    name: z.literal("linear-warmup"),
    warmupSteps: steps,
    startFactor: z.number().gt(0).max(1).default(defaultStartFactor),
  }),
};

/**
 * Checks a schedule and fills in its defaults.
 *
 * @throws ShoalError invalid_argument - names the field (`schedule.stepSize`) and what was expected
 */
export function parseScheduleSpec(value: unknown): ResolvedScheduleSpec {
  return checkSpec("schedule", schemas, value);
}
