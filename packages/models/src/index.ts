export { applyToSparse, applyToTable, type RawSparseRow, type RawTableRow } from "./data/apply-preprocessing.ts";
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
export { datasetSpecSchema, parseDatasetSpec } from "./data/dataset-schema.ts";
export type { DatasetSpec, DigitsDatasetSpec, IdxDatasetSpec, MnistDatasetSpec } from "./data/dataset-spec.ts";
export type { Dataset, Split } from "./data/dataset.ts";
export { digitsShape, generateDigits, type DigitsOptions } from "./data/digits.ts";
export { readMnistSplit } from "./data/mnist-split.ts";
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
export { decodePreprocessing, encodePreprocessing, preprocessingKey } from "./data/preprocessing-file.ts";
export type { RawValue } from "./data/raw-rows.ts";
export type { OpenRecords, RecordReader } from "./data/record-reader.ts";
export type { LibsvmDatasetSpec, SparseSubstitute } from "./data/sparse-spec.ts";
export type {
  ColumnReference,
  CsvDatasetSpec,
  JsonLinesDatasetSpec,
  Normalisation,
  ParquetDatasetSpec,
  TableColumnsSpec,
  TableDatasetSpec,
  TargetKind,
} from "./data/table-spec.ts";
export type { TextDatasetSpec } from "./data/text-spec.ts";
export { createTokenizer, type Tokenizer, type TokensPreprocessing } from "./data/tokenizer.ts";
export { createShuffle, type Shuffle } from "./data/shuffle.ts";
export { describeModel, type LayerDescription, type ModelDescription } from "./graph/describe-model.ts";
export { createAccuracy, type ModelAccuracy } from "./metrics/model-accuracy.ts";
export { createMetrics, metricKeys, type ModelMetrics } from "./metrics/model-metrics.ts";
export {
  decodeModelFile,
  encodeModelFile,
  type FilePrecision,
  type ModelFile,
  type ModelMetadata,
} from "./model-file/model-file.ts";
export { matchTensors, readTensors, type InitialTensor, type Tensor } from "./model-file/read-tensors.ts";
export { encodeOnnx } from "./onnx/encode-onnx.ts";
export { compile, type CompileOptions } from "./plan/compile.ts";
export { compileFloat32 } from "./plan/compile-float32.ts";
export type { PlanRoom } from "./plan/compile-plan.ts";
export { planBytes } from "./plan/plan-bytes.ts";
export type { LossScale } from "./plan/loss-scale.ts";
export type { PlanGates } from "./plan/plan-gates.ts";
export type { Plan, PlanMemory, PlanOutput } from "./plan/plan.ts";
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
export type { Precision } from "./plan/precision.ts";
export { regionMemory } from "./plan/region-memory.ts";
export { initializeParameters } from "./spec/initialize-parameters.ts";
export { modelBounds } from "./spec/model-bounds.ts";
export type {
  ActivationLayer,
  AddLayer,
  AttentionLayer,
  AveragePoolLayer,
  BatchNormLayer,
  BinaryCrossEntropyLoss,
  ConcatenateLayer,
  ConvolutionLayer,
  DenseLayer,
  DistillationLoss,
  DropoutLayer,
  EmbeddingLayer,
  FlattenLayer,
  GlobalAveragePoolLayer,
  FloatsInputSpec,
  HuberLoss,
  InputSpec,
  LayerNormLayer,
  LayerSpec,
  LossSpec,
  MeanSquaredErrorLoss,
  ModelSpec,
  MaxPoolLayer,
  PositionalEmbeddingLayer,
  ReshapeLayer,
  ResidualLayer,
  RmsNormLayer,
  SelfAttentionLayer,
  SoftmaxCrossEntropyLoss,
  SoftmaxLayer,
  SparseInputSpec,
  TokensInputSpec,
  TransformerBlockLayer,
  SparseDenseLayer,
  FactorPairsLayer,
  FactorizationMachineLayer,
  WideAndDeepLayer,
  WeightedLossSpec,
} from "./spec/model-spec.ts";
export { layoutOf, type ParameterLayout, type Segment } from "./spec/parameter-layout.ts";
export { modelSpecSchema, parseModelSpec } from "./spec/parse-model-spec.ts";
export { describeShape, type ValueShape } from "./spec/value-shape.ts";
