/** Model files (safetensors). */
import type { ModelSpec } from "../spec/model-spec.ts";

/** What a model file says beside the tensors; all values are text. */
export type ModelMetadata = Readonly<Record<string, string>>;

export interface ModelFile {
  readonly spec: ModelSpec;
  /** [layout.size] float32, a copy. */
  readonly parameters: Float32Array;
  readonly metadata: ModelMetadata;
}

export declare function encodeModelFile(
  spec: ModelSpec,
  parameters: Float32Array,
  metadata?: ModelMetadata,
): Uint8Array;
export declare function decodeModelFile(bytes: Uint8Array): ModelFile;
