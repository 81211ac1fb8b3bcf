/**
 * What a layer is to the rest of the package. Each layer has one file in this folder that says all of it: its fields, its
 * shapes, its parameters, what it costs, and how it runs. `layer-table.ts` lists them.
 *
 * A primitive layer runs as one stage. A composite one (a residual branch, a transformer block) stands for other layers
 * and is gone once the model's graph is built.
 */
import type { Activation } from "@shoal/kernels-wasm";
import type * as z from "zod/mini";
import type { StageDefinition } from "../plan/stage.ts";
import type { LayerSpec } from "../spec/model-spec.ts";
import type { ValueShape } from "../spec/value-shape.ts";

/** Fields that every layer has. */
export interface LayerFields {
  /**
   * Takes the place of the layer's index in the names of its parameters, and is what `from` and the outputs of a model
   * refer to. Dots are allowed: `blocks.0`.
   */
  readonly name?: string | undefined;
  /** Names of the layers or inputs it reads; default: the layer before it, for the first layer the model's only input. */
  readonly from?: string | readonly string[] | undefined;
  /** Its parameters keep their values: neither gradients nor updates. For a composite layer: all that is in it. */
  readonly frozen?: boolean | undefined;
}

/** How the values of a parameter are drawn before training. */
export type Initializer =
  | { readonly kind: "constant"; readonly value: number }
  /** Uniform in ±bound. */
  | { readonly kind: "uniform"; readonly bound: number }
  /** Normal with mean 0. */
  | { readonly kind: "normal"; readonly deviation: number };

/**
 * What a parameter is: decides about weight decay in optimiser groups, and about the update of statistics.
 * A `statistic` (the running mean of a batch norm) is not trained: its "gradient" is the value minus that of the batch,
 * and the shard moves it by a fixed share of that.
 */
export type ParameterRole = "weight" | "bias" | "norm" | "embedding" | "statistic";

export interface ParameterDeclaration {
  /** The last part of its name, such as `weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: ParameterRole;
  readonly initial: Initializer;
  /** For a statistic: the share of the difference that an update applies. */
  readonly rate?: number | undefined;
}

/** Thrown by `infer`, `parameters` and `expand`; the graph puts "layer 4 (dense): " in front of the sentence. */
export class LayerComplaint extends Error {}

export interface PrimitiveDefinition<L extends LayerSpec> {
  readonly kind: "primitive";
  /** Strict; see `layer-schema.ts`. */
  readonly schema: z.ZodMiniType<L>;
  /**
   * The shape of its result. @throws LayerComplaint when the inputs do not suit it, such as "expects 1152 inputs, gets
   * 1024"; the number of inputs too is its own to check (see `one-input.ts`)
   */
  infer(layer: L, inputs: readonly ValueShape[]): ValueShape;
  /** In the order in which they stand in the parameter vector. */
  parameters(layer: L, inputs: readonly ValueShape[]): readonly ParameterDeclaration[];
  /** Floating-point operations of the forward pass of one sample; a multiply-add counts as two. */
  flops(layer: L, inputs: readonly ValueShape[]): number;
  stage(layer: L, inputs: readonly ValueShape[], output: ValueShape): StageDefinition;
  /** The layer with an activation fused into it; undefined where it has one already. Absent: it cannot fuse any. */
  withActivation?(layer: L, activation: Activation): L | undefined;
}

export interface CompositeDefinition<L extends LayerSpec> {
  readonly kind: "composite";
  /** A layer that holds layers is given the schema of a list of layers. */
  readonly schema: z.ZodMiniType<L> | ((layers: z.ZodMiniType<readonly LayerSpec[]>) => z.ZodMiniType<L>);
  /**
   * The layers it stands for, in order. Their names are local (prefixed with the composite's own; a layer without a name
   * goes by its index); in their `from`, `^` is the composite's first input. The last one's result is the composite's.
   */
  expand(layer: L, inputs: readonly ValueShape[]): readonly LayerSpec[];
}

export type LayerDefinition<L extends LayerSpec> = PrimitiveDefinition<L> | CompositeDefinition<L>;
