/** What a model takes and gives, as far as a data set is concerned. */
import { buildGraph } from "../graph/build-graph.ts";
import type { LossSpec, ModelSpec } from "../spec/model-spec.ts";
import type { ValueShape } from "../spec/value-shape.ts";

export interface OutputFace {
  /** Of one sample. */
  readonly shape: readonly number[];
  readonly loss: LossSpec;
}

export interface ModelFace {
  readonly inputs: Readonly<Record<string, ValueShape>>;
  readonly outputs: Readonly<Record<string, OutputFace>>;
}

export function modelFaceOf(spec: ModelSpec): ModelFace {
  const { inputs, outputs, values } = buildGraph(spec);
  const shapeOf = (value: number): ValueShape => values[value]?.shape ?? { kind: "floats", shape: [] };
  return {
    inputs: Object.fromEntries(inputs.map(({ name, value }) => [name, shapeOf(value)])),
    outputs: Object.fromEntries(
      outputs.map(({ name, value, loss }): [string, OutputFace] => {
        const shape = shapeOf(value);
        return [name, { shape: shape.kind === "sparse" ? [] : shape.shape, loss }];
      }),
    ),
  };
}
