/** Puts the stages of a plan on their buffers. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { Graph } from "../graph/graph.ts";
import { elementsOf } from "../spec/value-shape.ts";
import type { PlanBuffers } from "./lay-out.ts";
import type { PlannedStage } from "./plan-stages.ts";
import type { Place, Stage, StageSite } from "./stage.ts";
import { wordBytes } from "./value-buffers.ts";

export interface RunStage {
  readonly stage: Stage;
  readonly runsBackward: boolean;
  /** Gradients that are added to others once the stage has run backward; `width` elements a row. */
  readonly sums: readonly { readonly from: Offset; readonly into: Offset; readonly width: number }[];
}

export interface StageSources {
  readonly graph: Graph;
  readonly stages: readonly PlannedStage[];
  readonly buffers: PlanBuffers;
  readonly kernels: Kernels;
  /** Absolute offset of a buffer. */
  readonly at: (buffer: number) => Offset;
  /** Places of the model's inputs by the index of their value. */
  readonly inputs: ReadonlyMap<number, Place>;
}

export function createStages(sources: StageSources): readonly RunStage[] {
  const { stages, buffers, at } = sources;
  return stages.map(({ definition, runsBackward }, index) => {
    const sums = (buffers.gradients.stages[index]?.sums ?? []).map(({ from, into, value }) => {
      return { from: at(from), into: at(into), width: widthOf(sources, value) };
    });
    return { stage: definition.create(siteOf(sources, index)), runsBackward, sums };
  });
}

function widthOf({ graph }: StageSources, value: number): number {
  const shape = graph.values[value]?.shape;
  return shape === undefined || shape.kind === "sparse" ? 0 : elementsOf(shape.shape);
}

function siteOf(sources: StageSources, index: number): StageSite {
  const { stages, buffers, kernels, at, inputs } = sources;
  const stage = stages[index];
  if (stage === undefined) throw new RangeError(`there is no stage ${index}`);
  const place = (value: number): Place => inputs.get(value) ?? { at: at(buffers.values.get(value) ?? 0) };
  const gradients = buffers.gradients.stages[index];
  const own = buffers.own[index];
  return {
    kernels,
    inputs: stage.inputs.map(place),
    output: place(stage.output),
    parameters: stage.node.segments.map(({ offset }) => offset * wordBytes),
    trains: stage.trains,
    keeps: (own?.keeps ?? []).map(at),
    scratch: (own?.scratch ?? []).map(at),
    outputGradient: gradients?.output === undefined ? 0 : at(gradients.output),
    inputGradients: (gradients?.inputs ?? []).map((buffer) => (buffer === undefined ? undefined : at(buffer))),
    index: stage.node.index,
  };
}
