/** An optimiser as data: JSON, checked at every border, with every default written down. */
import { accumulateSchema, type AccumulateSpec, type ResolvedAccumulate } from "./accumulate.ts";
import { adadeltaSchema, type AdadeltaSpec, type ResolvedAdadelta } from "./adadelta.ts";
import { adagradSchema, type AdagradSpec, type ResolvedAdagrad } from "./adagrad.ts";
import {
  adamSchema,
  adamWSchema,
  type AdamSpec,
  type AdamWSpec,
  type ResolvedAdam,
  type ResolvedAdamW,
} from "./adam.ts";
import { averageSchema, type AverageSpec, type ResolvedAverage } from "./average.ts";
import { checkSpec, type SchemasByName } from "./check-spec.ts";
import {
  fedAdagradSchema,
  fedAdamSchema,
  fedYogiSchema,
  type FedAdagradSpec,
  type FedAdamSpec,
  type FedYogiSpec,
  type ResolvedFedAdagrad,
  type ResolvedFedAdam,
  type ResolvedFedYogi,
} from "./fedopt.ts";
import { fedAvgMSchema, type FedAvgMSpec, type ResolvedFedAvgM } from "./fedavgm.ts";
import { ftrlSchema, type FtrlSpec, type ResolvedFtrl } from "./ftrl.ts";
import { lambSchema, type LambSpec, type ResolvedLamb } from "./lamb.ts";
import { larsSchema, type LarsSpec, type ResolvedLars } from "./lars.ts";
import { rmspropSchema, type ResolvedRmsprop, type RmspropSpec } from "./rmsprop.ts";
import { sgdSchema, type ResolvedSgd, type SgdSpec } from "./sgd.ts";

/** An optimiser as a person writes it: what is left out takes PyTorch's default, or the paper's. */
export type OptimizerSpec =
  | SgdSpec
  | AdamSpec
  | AdamWSpec
  | AdagradSpec
  | RmspropSpec
  | AdadeltaSpec
  | LambSpec
  | LarsSpec
  | FtrlSpec
  | AccumulateSpec
  | AverageSpec
  | FedAvgMSpec
  | FedAdagradSpec
  | FedAdamSpec
  | FedYogiSpec;

/** The same with every option present; itself a valid {@link OptimizerSpec}. */
export type ResolvedOptimizerSpec =
  | ResolvedSgd
  | ResolvedAdam
  | ResolvedAdamW
  | ResolvedAdagrad
  | ResolvedRmsprop
  | ResolvedAdadelta
  | ResolvedLamb
  | ResolvedLars
  | ResolvedFtrl
  | ResolvedAccumulate
  | ResolvedAverage
  | ResolvedFedAvgM
  | ResolvedFedAdagrad
  | ResolvedFedAdam
  | ResolvedFedYogi;

const schemas: SchemasByName<ResolvedOptimizerSpec> = {
  sgd: sgdSchema,
  adam: adamSchema,
  adamw: adamWSchema,
  adagrad: adagradSchema,
  rmsprop: rmspropSchema,
  adadelta: adadeltaSchema,
  lamb: lambSchema,
  lars: larsSchema,
  ftrl: ftrlSchema,
  accumulate: accumulateSchema,
  average: averageSchema,
  fedavgm: fedAvgMSchema,
  fedadagrad: fedAdagradSchema,
  fedadam: fedAdamSchema,
  fedyogi: fedYogiSchema,
};

/**
 * Checks an optimiser specification and fills in its defaults.
 *
 * @throws ShoalError invalid_argument - names the field (`optimizer.momentum`) and what was expected
 */
export function parseOptimizerSpec(value: unknown): ResolvedOptimizerSpec {
  return checkSpec("optimizer", schemas, value);
}

/** The learning rate that a schedule starts from; 1 for `accumulate`, which has none. */
export function baseLearningRateOf(spec: OptimizerSpec): number {
  const resolved = parseOptimizerSpec(spec);
  return resolved.name === "accumulate" ? 1 : resolved.learningRate;
}
