/**
 * Scaled dot-product attention with several heads (Vaswani et al., 2017) on rows that hold queries, keys and values one
 * after the other, [positions, 3·width] → [positions, width]. What it keeps for the backward pass is the log-sum-exp of
 * each row of scores, from which the kernel computes them again.
 */
import * as z from "zod/mini";
import type { StageDefinition } from "../plan/stage.ts";
import { describeShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint, type LayerFields, type PrimitiveDefinition } from "./layer-definition.ts";
import { booleanField, countField, layerSchema } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

/** Without weights of its own; `self_attention` has it between two dense layers. */
export interface AttentionLayer extends LayerFields {
  readonly type: "attention";
  readonly heads: number;
  /** Whether a position sees only those up to its own. Default true. */
  readonly causal?: boolean | undefined;
}

const floatBytes = 4;
/** The kernel's. */
const widestHead = 4096;

interface AttentionSizes {
  readonly positions: number;
  readonly width: number;
  readonly headWidth: number;
}

function sizesOf({ heads }: AttentionLayer, inputs: readonly ValueShape[]): AttentionSizes {
  const input = oneFloatsInput(inputs);
  const [positions, fused] = input.shape;
  if (positions === undefined || fused === undefined || input.shape.length !== 2 || fused % (3 * heads) !== 0) {
    const wanted = `positions×width with a width that 3·${heads} divides`;
    throw new LayerComplaint(`expects ${wanted}, gets ${describeShape(input)}`);
  }
  const width = fused / 3;
  const headWidth = width / heads;
  if (headWidth > widestHead)
    throw new LayerComplaint(`expects heads of a width up to ${widestHead}, gets ${headWidth}`);
  return { positions, width, headWidth };
}

function stageOf(layer: AttentionLayer, inputs: readonly ValueShape[]): StageDefinition {
  const { heads, causal = true } = layer;
  const { positions, width, headWidth } = sizesOf(layer, inputs);
  const strides = { rowStride: 3 * width, outStride: width };
  const scale = 1 / Math.sqrt(headWidth);
  return {
    keeps: (rows) => [rows * heads * positions * floatBytes],
    backwardReads: { inputs: true, output: true },
    create({ kernels, inputs: [from], output, keeps: [sums = 0], outputGradient, inputGradients: [into] }) {
      // One object for all steps, so that a step allocates none.
      const shape = { batch: 0, heads, positions, headWidth, ...strides, causal, scale };
      const q = from?.at ?? 0;
      const [k, v] = [q + width * floatBytes, q + 2 * width * floatBytes];
      return {
        forward({ rows }) {
          shape.batch = rows;
          kernels.attention(q, k, v, output.at, sums, shape);
        },
        backward({ rows }) {
          if (into === undefined) return;
          shape.batch = rows;
          const dk = into + width * floatBytes;
          const dv = dk + width * floatBytes;
          kernels.attentionGradient(q, k, v, output.at, sums, outputGradient, into, dk, dv, shape);
        },
      };
    },
  };
}

export const attention: PrimitiveDefinition<AttentionLayer> = {
  kind: "primitive",
  schema: layerSchema("attention", { heads: countField, causal: z.optional(booleanField) }),
  infer(layer, inputs) {
    const { positions, width } = sizesOf(layer, inputs);
    return { kind: "floats", shape: [positions, width] };
  },
  parameters: () => [],
  flops(layer, inputs) {
    const { positions, width } = sizesOf(layer, inputs);
    const seen = layer.causal === false ? positions : (positions + 1) / 2;
    return 4 * positions * seen * width;
  },
  stage: stageOf,
};
