/** A trained model, compiled and ready to be run in this process. */
import type { Offset } from "@shoal/kernels-wasm";
import { compile, type Plan } from "@shoal/models";
import { createNodeKit } from "../roles/node-kit.ts";
import type { FoundModel } from "./find-model.ts";

export interface OpenPlan {
  readonly plan: Plan;
  /** Runs the first `rows` rows of the plan's inputs. */
  forward(rows: number): void;
  /** What `forward` computed: [rows, …shape], a view until the next run. */
  output(name: string, rows: number): Float32Array;
}

/** @throws ShoalError out_of_memory */
export async function openPlan(model: FoundModel, batchSize: number): Promise<OpenPlan> {
  const { memory, kernels } = await createNodeKit();
  const { byteOffset } = memory.allocate(model.parameters.byteLength);
  memory.floats(byteOffset, model.parameters.length).set(model.parameters);
  const plan = compile(model.spec, { batchSize, kernels, memory });
  return {
    plan,
    forward: (rows) => plan.forward(byteOffset, rows),
    output(name, rows) {
      const found = plan.outputs[name];
      if (found === undefined) throw new RangeError(`the model has no output ${name}`);
      return memory.floats(found.offset satisfies Offset, rows * elementsOf(found.shape));
    },
  };
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
