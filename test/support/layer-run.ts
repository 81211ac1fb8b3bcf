/** One primitive layer by itself: forward and backward for a gradient of its output that the test chooses. */
import { definitionOf } from "../../packages/models/src/layers/layer-table.ts";
import type { Place } from "../../packages/models/src/plan/stage.ts";
import type { Draw } from "../../packages/models/src/plan/stage.ts";
import type { LayerSpec } from "../../packages/models/src/spec/model-spec.ts";
import { elementsOf, type ValueShape } from "../../packages/models/src/spec/value-shape.ts";
import type { KernelFixture } from "./model-kernels.ts";

export interface LayerInput {
  readonly shape: ValueShape;
  /** [rows, …shape]: floats, or tokens. */
  readonly data: ArrayLike<number>;
  /** Sparse rows only: `data` are then the row offsets. */
  readonly indices?: ArrayLike<number>;
  readonly values?: ArrayLike<number>;
}

export interface LayerCase {
  readonly layer: LayerSpec;
  readonly rows: number;
  readonly inputs: readonly LayerInput[];
  /** By the names that the layer declares. */
  readonly parameters?: Readonly<Record<string, ArrayLike<number>>>;
  /** [rows, …output shape]; default zeros. */
  readonly upstream?: ArrayLike<number>;
  readonly training?: boolean;
  /** False: a frozen layer, whose parameter gradients stay NaN. */
  readonly trains?: boolean;
  readonly draw?: Draw;
  readonly index?: number;
}

export interface LayerOutcome {
  readonly shape: ValueShape;
  readonly output: Float32Array;
  /** Undefined for tokens and sparse rows. */
  readonly inputGradients: readonly (Float32Array | undefined)[];
  readonly parameterGradients: Readonly<Record<string, Float32Array>>;
}

/** Every buffer is full of NaN before the run, so what is not written is seen. */
export function runLayer({ kernels, memory }: KernelFixture, given: LayerCase): LayerOutcome {
  const { layer, rows, upstream, training = true, draw = { seed: 0, epoch: 0, first: 0 }, index = 0 } = given;
  const definition = definitionOf(layer);
  if (definition.kind !== "primitive") throw new Error(`${layer.type} stands for other layers`);
  const regions: ReturnType<typeof memory.allocate>[] = [];
  const take = (bytes: number): number => {
    const region = memory.allocate(Math.max(64, Math.ceil(bytes / 64) * 64));
    regions.push(region);
    memory.floats(region.byteOffset, region.byteLength / 4).fill(Number.NaN);
    return region.byteOffset;
  };
  const floats = (data: ArrayLike<number>): number => {
    const at = take(data.length * 4);
    memory.floats(at, data.length).set(data);
    return at;
  };
  const integers = (data: ArrayLike<number>): number => {
    const at = take(data.length * 4);
    new Int32Array(memory.memory.buffer, at, data.length).set(data);
    return at;
  };
  try {
    const shapes = given.inputs.map(({ shape }) => shape);
    const shape = definition.infer(layer, shapes);
    const elements = shape.kind === "sparse" ? 0 : rows * elementsOf(shape.shape);
    const declared = definition.parameters(layer, shapes);
    const stageDefinition = definition.stage(layer, shapes, shape);
    const places = given.inputs.map(({ shape: kind, data, indices, values }): Place => {
      if (kind.kind === "floats") return { at: floats(data) };
      if (kind.kind === "tokens") return { at: integers(data) };
      return { at: integers(data), indices: integers(indices ?? []), values: floats(values ?? []) };
    });
    const lengths = declared.map(({ shape: axes }) => elementsOf(axes));
    const offsets = lengths.map((_, position) => 4 * lengths.slice(0, position).reduce((sum, each) => sum + each, 0));
    const size = lengths.reduce((sum, each) => sum + each, 0);
    const parameters = take(size * 4);
    const gradient = take(size * 4);
    for (const [position, { name }] of declared.entries()) {
      memory.floats(parameters + (offsets[position] ?? 0), lengths[position] ?? 0).set(given.parameters?.[name] ?? []);
    }
    const output = take(elements * 4);
    const inputGradients = shapes.map((kind) =>
      kind.kind === "floats" ? take(rows * elementsOf(kind.shape) * 4) : undefined,
    );
    const stage = stageDefinition.create({
      kernels,
      inputs: places,
      output: { at: output },
      parameters: offsets,
      trains: given.trains ?? true,
      keeps: (stageDefinition.keeps?.(rows) ?? []).map(take),
      scratch: (stageDefinition.scratch?.(rows) ?? []).map(take),
      outputGradient: floats(upstream ?? new Float32Array(elements)),
      inputGradients,
      index,
    });
    stage.forward({ parameters, rows, training, draw });
    const outcome = memory.floats(output, elements).slice();
    stage.backward({ parameters, gradient, rows, training, draw });
    return {
      shape,
      output: outcome,
      inputGradients: shapes.map((kind, position) => {
        const at = inputGradients[position];
        if (at === undefined || kind.kind !== "floats") return undefined;
        return memory.floats(at, rows * elementsOf(kind.shape)).slice();
      }),
      parameterGradients: Object.fromEntries(
        declared.map(({ name }, position) => [
          name,
          memory.floats(gradient + (offsets[position] ?? 0), lengths[position] ?? 0).slice(),
        ]),
      ),
    };
  } finally {
    for (const region of regions) memory.free(region);
  }
}
