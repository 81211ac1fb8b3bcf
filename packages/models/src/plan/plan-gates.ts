/**
 * Lets a step go hand in hand with the exchange of its vectors: it asks for parameters before it reads them, and tells
 * which part of the gradient is final while it still computes the rest.
 *
 * Parameters stand in the order of layers and stages run in it, so what a forward pass has read of the vector grows from
 * its begin, and what a backward pass has written grows from its end.
 */
import type { PlannedStage } from "./plan-stages.ts";

/** What a step says to whoever exchanges its vectors. Called within the step: an exception ends it. */
export interface PlanGates {
  /** Returns when the parameters of all keys < `end` are there. */
  need(end: number): void;
  /** The gradient of all keys ≥ `begin` is final. Not called for a loss that is not finite, nor with a loss scale. */
  final(begin: number): void;
}

/** Keys of the parameter vector that a stage divides. */
export interface StageKeys {
  /** The stage and those before it read no key ≥ `needed` when they run forward. */
  readonly needed: number;
  /** When the stage has run backward, no other stage writes a key ≥ `final`. */
  readonly final: number;
}

/** One for each stage. Keys that are not trained are zero from the start, so they are final whenever those around them are. */
export function stageKeys(stages: readonly Pick<PlannedStage, "node" | "trains">[]): readonly StageKeys[] {
  let needed = 0;
  let final = 0;
  return stages.map(({ node, trains }) => {
    const end = Math.max(0, ...node.segments.map(({ offset, length }) => offset + length));
    needed = Math.max(needed, end);
    const keys = { needed, final };
    if (trains) final = Math.max(final, end);
    return keys;
  });
}
