export { createBatchFiller, type BatchFiller, type BatchPlace } from "./data/batch-filler.ts";
export { checkDatasetFits } from "./data/check-dataset.ts";
export { shapeOfDataset, type ColumnShape, type DatasetShape } from "./data/column-shape.ts";
export type {
  Column,
  DenseColumn,
  LabelColumn,
  SparseColumn,
  StoredColumn,
  StoredContent,
  WindowColumn,
} from "./data/column.ts";
export {
  datasetSpecSchema,
  parseDatasetSpec,
  type CsvDatasetSpec,
  type DatasetSpec,
  type DigitsDatasetSpec,
  type IdxDatasetSpec,
  type MnistDatasetSpec,
  type Normalisation,
} from "./data/dataset-spec.ts";
export type { Dataset, Split } from "./data/dataset.ts";
export { digitsShape, generateDigits, type DigitsOptions } from "./data/digits.ts";
export { createEpochPlan, type Batch, type EpochPlan, type EpochPlanOptions } from "./data/epoch-plan.ts";
export type {
  CategoryEncoding,
  ColumnEncoding,
  InputPreprocessing,
  NumberEncoding,
  Preprocessing,
  RawFormat,
  TargetPreprocessing,
  TokenScheme,
} from "./data/preprocessing.ts";
export type { OpenRecords, RecordReader } from "./data/record-reader.ts";
export { createShuffle, type Shuffle } from "./data/shuffle.ts";
export { accuracyOf } from "./metrics.ts";
export { decodeModelFile, encodeModelFile, type ModelFile, type ModelMetadata } from "./model-file/model-file.ts";
export { compile, planBytes, type CompileOptions } from "./plan/compile.ts";
export type { Evaluation, Plan, PlanMemory, PlanOutput } from "./plan/plan.ts";
export type {
  FloatsInput,
  LabelsTarget,
  NumbersTarget,
  PlanInput,
  PlanTarget,
  SparseInput,
  TokensInput,
} from "./plan/plan-inputs.ts";
export type { Draw } from "./plan/stage.ts";
export { regionMemory } from "./plan/region-memory.ts";
export { initializeParameters } from "./spec/initialize-parameters.ts";
export { modelBounds } from "./spec/model-bounds.ts";
export type {
  ActivationLayer,
  AddLayer,
  BinaryCrossEntropyLoss,
  ConcatenateLayer,
  DenseLayer,
  FloatsInputSpec,
  HuberLoss,
  InputSpec,
  LayerSpec,
  LossSpec,
  MeanSquaredErrorLoss,
  ModelSpec,
  ResidualLayer,
  SoftmaxCrossEntropyLoss,
  SparseInputSpec,
  TokensInputSpec,
  WeightedLossSpec,
} from "./spec/model-spec.ts";
export { layoutOf, type ParameterLayout, type Segment } from "./spec/parameter-layout.ts";
export { modelSpecSchema, parseModelSpec } from "./spec/parse-model-spec.ts";
