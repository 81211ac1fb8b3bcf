export {
  baseLearningRateOf,
  parseOptimizerSpec,
  type OptimizerSpec,
  type ResolvedOptimizerSpec,
} from "./optimizer-spec.ts";
export type { SgdSpec } from "./sgd.ts";
export type { AdamSpec, AdamWSpec } from "./adam.ts";
export type { AdagradSpec } from "./adagrad.ts";
export type { RmspropSpec } from "./rmsprop.ts";
export type { AdadeltaSpec } from "./adadelta.ts";
export type { LambSpec } from "./lamb.ts";
export type { LarsSpec } from "./lars.ts";
export type { FtrlSpec } from "./ftrl.ts";
export type { AccumulateSpec } from "./accumulate.ts";
export type { AverageSpec } from "./average.ts";
export type { FedAvgMSpec } from "./fedavgm.ts";
export type { FedAdagradSpec, FedAdamSpec, FedYogiSpec } from "./fedopt.ts";
export { createOptimizer, type OptimizerSite } from "./create-optimizer.ts";
export { hasWeightDecay, isLayerwise, slotVectors, withWeightDecay } from "./rule-of.ts";
export { plainTreatment, type Treatment, type UpdateRange } from "./update-range.ts";
export type { Optimizer, OptimizerSnapshot } from "./optimizer.ts";
export { learningRateAt } from "./learning-rate.ts";
export {
  parseScheduleSpec,
  type ConstantSchedule,
  type CosineSchedule,
  type ExponentialSchedule,
  type LinearWarmupSchedule,
  type ResolvedScheduleSpec,
  type ScheduleSpec,
  type StepSchedule,
} from "./schedule-spec.ts";
export { createCompensation, type Compensation, type CompensationSite } from "./staleness/delay-compensation.ts";
export type { CompensationSnapshot } from "./staleness/worker-vectors.ts";
export {
  parseStalenessSpec,
  type DelayCompensation,
  type ResolvedStalenessSpec,
  type ResolvedStalenessWeight,
  type StalenessSpec,
  type StalenessWeight,
} from "./staleness/staleness-spec.ts";
export { stalenessWeight } from "./staleness/staleness-weight.ts";
export {
  parseEncodingSpec,
  type ConcreteEncodingSpec,
  type EncodingSpec,
  type ResolvedEncodingSpec,
} from "./encodings/encoding-spec.ts";
export type {
  Decoder,
  ElementRange,
  Encoded,
  Encoder,
  EncoderSnapshot,
  EncodingLayout,
  EncodingSite,
  MatrixSegment,
} from "./encodings/encoding.ts";
export { automaticEncodings, chooseEncoding, type EncodingChoice } from "./encodings/choose-encoding.ts";
export { createDecoder } from "./encodings/create-decoder.ts";
export { createEncoder } from "./encodings/create-encoder.ts";
export { encodedBytes } from "./encodings/encoded-layout.ts";
export { createVectorCodecs, type CodecEnvironment, type VectorCodecs } from "./encodings/vector-codecs.ts";
export { matricesWithin, type ShapedSegment } from "./encodings/matrices-within.ts";
