/** The arrays of a plan that a test fills by hand; a plan with one input and one output needs no names. */
import type { Draw, Plan } from "@shoal/models";

/** For steps of models that draw nothing. */
export const noDraw: Draw = { seed: 0, epoch: 0, first: 0 };

function named<T>(record: Readonly<Record<string, T>>, name: string): T {
  const found = record[name];
  if (found === undefined) throw new Error(`the plan has no ${name}, but ${Object.keys(record).join(", ")}`);
  return found;
}

export function floatsOf(plan: Plan, name = "input"): Float32Array {
  const input = named(plan.inputs, name);
  if (input.kind !== "floats") throw new Error(`the input ${name} takes ${input.kind}`);
  return input.floats;
}

export function tokensOf(plan: Plan, name = "input"): Int32Array {
  const input = named(plan.inputs, name);
  if (input.kind !== "tokens") throw new Error(`the input ${name} takes ${input.kind}`);
  return input.tokens;
}

export function labelsOf(plan: Plan, name = "output"): Int32Array {
  const target = named(plan.targets, name);
  if (target.kind !== "labels") throw new Error(`the output ${name} takes ${target.kind}`);
  return target.labels;
}

export function numbersOf(plan: Plan, name = "output"): Float32Array {
  const target = named(plan.targets, name);
  if (target.kind !== "numbers") throw new Error(`the output ${name} takes ${target.kind}`);
  return target.numbers;
}

export function outputOf(plan: Plan, name = "output"): Plan["outputs"][string] {
  return named(plan.outputs, name);
}

/** Fills the first rows of a plan's only input of floats or tokens. */
export function fillOnlyInput(plan: Plan, data: ArrayLike<number>): void {
  const [input] = Object.values(plan.inputs);
  if (input?.kind === "floats") input.floats.set(data);
  else if (input?.kind === "tokens") input.tokens.set(data);
  else throw new Error(`the plan's input takes ${input?.kind ?? "nothing"}`);
}
