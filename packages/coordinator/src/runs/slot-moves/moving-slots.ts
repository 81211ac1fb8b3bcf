/** Slots on their way to other workers, and what slots have lost: what a run remembers. An entry a slot in each of the maps. */

export interface MovingSlots {
  /** The worker of each slot as it should be; empty: as it is. */
  readonly wanted: readonly number[];
  /** What owners were asked to give up, by slot. */
  readonly asked: ReadonlyMap<number, { readonly name: string; readonly owner: number }>;
  /** What was given up, by slot. */
  readonly kept: ReadonlyMap<number, { readonly name: string; readonly owner: number; readonly step: number }>;
  /** Whose slots began afresh, by slot. */
  readonly afresh: ReadonlyMap<number, string>;
  /** Who contributed a slot in whose place, without what the slot keeps, and to which step last. */
  readonly stoodIn: ReadonlyMap<number, StandIn>;
  /** Why a slot was not given up last, and when. */
  readonly refused: { readonly because: string; readonly sinceMs: number } | null;
}

export interface StandIn {
  readonly by: string;
  readonly owner: string;
  readonly step: number;
}

/** Names of what is given up begin with it; no snapshot's does. */
export const movePrefix = "move-";

export const noMoves: MovingSlots = {
  ...{ wanted: [], asked: new Map(), kept: new Map(), afresh: new Map(), stoodIn: new Map(), refused: null },
};
