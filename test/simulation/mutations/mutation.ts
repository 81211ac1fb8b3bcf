/** A fault that can be planted into the sources, to prove that the simulation finds it. */
import type { ScenarioKind } from "../scenario/draw-scenario.ts";

export interface SourceEdit {
  /** From the root of the workspace. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly before: string;
  readonly after: string;
}

export interface Mutation {
  readonly name: string;
  /** What is wrong then. */
  readonly sentence: string;
  readonly edits: readonly SourceEdit[];
  readonly scenario: ScenarioKind;
  /** Seeds, from 1, within which it has to be found. */
  readonly within: number;
}
