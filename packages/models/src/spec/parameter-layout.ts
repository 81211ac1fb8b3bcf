/** Where each parameter tensor stands in the flat float32 vector of a model. */
import { buildGraph } from "../graph/build-graph.ts";
import type { Initializer, ParameterRole } from "../layers/layer-definition.ts";
import type { ModelSpec } from "./model-spec.ts";

/** One tensor; `offset` and `length` count elements. Segments lie one behind the other without gaps. */
export interface Segment {
  /** The name of its layer (its index where it has none, as in PyTorch's `Sequential`) and its own: `2.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
  readonly role: ParameterRole;
  /** Neither gradients nor updates change it. */
  readonly frozen: boolean;
  /** For a statistic: the share of its "gradient" that an update applies, whatever the optimiser. */
  readonly rate?: number | undefined;
  readonly initial: Initializer;
}

export interface ParameterLayout {
  /** Elements of the whole vector. */
  readonly size: number;
  readonly segments: readonly Segment[];
}

/** Lays the parameters of a checked model out in the order of its layers. @throws ShoalError invalid_argument */
export function layoutOf(spec: ModelSpec): ParameterLayout {
  return buildGraph(spec).layout;
}
