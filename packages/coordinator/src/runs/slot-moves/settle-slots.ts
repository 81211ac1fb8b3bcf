/**
 * Slots on their way to other workers, with what they keep from step to step: the coordinator's part.
 *
 * A slot that keeps something is not taken from a worker: the worker is asked to give it up, with its next assignment. It saves
 * what the slot keeps between two steps, computes it no further, and says so; then the slot is given to the other worker, which
 * begins with what is saved, in that very step. The step cannot end meanwhile, because the slot's contribution is missing.
 *
 * Invariants
 *   V1  What was asked for has the name of one assignment; asked again it has another: answers cannot be confused.
 *   V2  `kept` holds what the newest owner but one has left of a slot, until the step that it was left before is done.
 */
import { keepsSlotStates } from "../../snapshots/slot-states.ts";
import { decideMove, type MoveDecision } from "./decide-move.ts";
import { movePrefix, type MovingSlots } from "./moving-slots.ts";
import { takesPart, type RunState, type RunWorker } from "../run-state.ts";

/** Workers give slots up before they go. */
export function handsOver(run: RunState): boolean {
  return (run.phase === "starting" || run.phase === "training") && keepsSlotStates(run.job);
}

/** Nothing of what its slots keep is with this worker alone. */
export function hasGivenAll({ roster, slotMoves }: RunState, member: number): boolean {
  return roster.slotOwners.every(
    (owner, slot) => owner !== member || slotMoves.refused !== null || slotMoves.kept.get(slot)?.owner === member,
  );
}

/** Who computes each slot when those that are on their way have arrived. */
export function ownersToBe({ slotMoves, roster }: RunState): readonly number[] {
  return slotMoves.wanted.length === 0 ? roster.slotOwners : slotMoves.wanted;
}

/** @param wanted worker of each slot; -1: nobody is left @returns who computes them now */
export function settleSlots(
  run: RunState,
  wanted: readonly number[],
): { readonly slotOwners: readonly number[]; readonly slotMoves: MovingSlots } {
  const { slotMoves: before, roster } = run;
  const keeps = keepsSlotStates(run.job);
  const [asked, kept, afresh] = [new Map(before.asked), new Map(before.kept), new Map(before.afresh)];
  const slotOwners = wanted.map((target, slot) => {
    const owner = roster.slotOwners[slot] ?? -1;
    const decision = decide(run, slot, target, keeps);
    if (decision.afresh && handsOver(run)) {
      afresh.set(slot, run.workers.get(owner)?.name ?? `member ${owner}`);
    }
    if (decision.kind !== "ask") asked.delete(slot);
    else if (asked.get(slot)?.owner !== owner) asked.set(slot, { name: `${movePrefix}${roster.revision + 1}`, owner }); // V1
    return decision.kind === "move" ? target : owner;
  });
  const isSettled = wanted.every((target, slot) => target === slotOwners[slot]);
  const next: MovingSlots = { ...before, wanted: isSettled ? [] : wanted, asked, kept, afresh };
  return { slotOwners, slotMoves: isSame(before, next) ? before : next };
}

function decide(run: RunState, slot: number, target: number, keeps: boolean): MoveDecision {
  const { slotMoves, roster } = run;
  const owner = roster.slotOwners[slot] ?? -1;
  const worker = run.workers.get(owner);
  return decideMove({
    keeps,
    owner: ownerState(run, worker),
    isLeaving: worker?.leaving === true,
    target: target === owner ? "owner" : target === -1 ? "nobody" : "another",
    isSaved: slotMoves.kept.get(slot)?.owner === owner,
    isRefused: slotMoves.refused !== null,
  });
}

function ownerState(run: RunState, worker: RunWorker | undefined): "unbegun" | "there" | "gone" {
  if (worker === undefined || worker.invitedRevision === null) return "unbegun";
  if (takesPart(run, worker) !== undefined) return "there";
  return "gone"; // it may have begun before it could say so
}

function isSame(a: MovingSlots, b: MovingSlots): boolean {
  const text = ({ wanted, asked, kept, afresh }: MovingSlots): string =>
    JSON.stringify([wanted, [...asked], [...kept], [...afresh]]);
  return a.refused === b.refused && text(a) === text(b);
}
