/** Lowers the layers of a model to the stages that run: activations that can be fused are. */
import type { Activation } from "@shoal/kernels-wasm";
import type { ModelSpec } from "../spec/model-spec.ts";

/** `weight` and `bias` are element offsets into the parameter vector. */
export interface DenseStage {
  readonly type: "dense";
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: number;
  readonly bias: number | undefined;
  readonly activation: Activation;
}

export interface ActivateStage {
  readonly type: "activate";
  readonly outputs: number;
  readonly activation: Activation;
}

export type Stage = DenseStage | ActivateStage;

/** Offsets follow the order of `layoutOf`: for each dense layer its weight, then its bias. */
export function lower(spec: ModelSpec): Stage[] {
  const stages: Stage[] = [];
  let width = spec.inputs;
  let offset = 0;
  for (const layer of spec.layers) {
    if (layer.type === "activation") {
      const last = stages.at(-1);
      if (last?.type === "dense" && last.activation === "identity") {
        stages[stages.length - 1] = { ...last, activation: layer.function };
      } else {
        stages.push({ type: "activate", outputs: width, activation: layer.function });
      }
      continue;
    }
    const { outputs } = layer;
    const bias = layer.bias === false ? undefined : offset + width * outputs;
    const activation = layer.activation ?? "identity";
    stages.push({ type: "dense", inputs: width, outputs, weight: offset, bias, activation });
    offset = (bias ?? offset + width * outputs - outputs) + outputs;
    width = outputs;
  }
  return stages;
}
