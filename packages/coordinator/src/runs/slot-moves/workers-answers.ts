/** What workers say of slots that they give up, and what time leads to: see `settle-slots.ts`. */
import type { StoodIn, WorkerReply } from "@shoal/protocol";
import { stepsDone } from "../../snapshots/advance-snapshots.ts";
import { keepsSlotStates } from "../../snapshots/slot-states.ts";
import { sentenceOf } from "../end-run.ts";
import { movePrefix } from "./moving-slots.ts";
import { refreshRoster } from "../roster.ts";
import type { RunState, RunWorker } from "../run-state.ts";

/** A place that did not take a slot is tried again after so long. */
const tryAgainMs = 30_000;

type Given = Extract<WorkerReply, { readonly type: "slots_saved" | "slots_not_saved" }>;

/** An answer of the worker that was asked; any other changes nothing. @returns undefined: it is not about slots that move */
export function slotsGiven(run: RunState, worker: RunWorker, reply: Given, now: number): RunState | undefined {
  const { slotMoves } = run;
  const meant = [...slotMoves.asked].filter(
    ([, { name, owner }]) => name === reply.snapshot && owner === worker.member,
  );
  if (!reply.snapshot.startsWith(movePrefix)) return undefined;
  if (meant.length === 0) return run;
  const [asked, kept] = [new Map(slotMoves.asked), new Map(slotMoves.kept)];
  if (reply.type === "slots_not_saved") {
    for (const [slot] of meant) asked.delete(slot);
    const refused = { because: `${worker.name}: ${sentenceOf(reply.error)}`, sinceMs: now };
    return refreshRoster({ ...run, slotMoves: { ...slotMoves, asked, refused } });
  }
  const saved = new Set(reply.slots.map(({ slot }) => slot));
  for (const [slot, { name, owner }] of meant) {
    if (!saved.has(slot) || reply.step === undefined) continue;
    asked.delete(slot);
    kept.set(slot, { name, owner, step: reply.step });
  }
  return refreshRoster({ ...run, slotMoves: { ...slotMoves, asked, kept, refused: null } });
}

/**
 * A worker has contributed slots whose owner was silent in the middle of a step: named where slots keep something, because the
 * stand-in has none of it. Told again it changes nothing.
 */
export function noteStandIns(run: RunState, worker: RunWorker, told: readonly StoodIn[]): RunState {
  if (!keepsSlotStates(run.job)) return run;
  const { slotMoves, roster } = run;
  const stoodIn = new Map(slotMoves.stoodIn);
  let isNew = false;
  for (const { slot, step } of told) {
    const member = roster.slotOwners[slot];
    // Its owner has gone meanwhile, and the slot is the reporter's: that it began afresh is said already.
    if (member === undefined || member === -1 || member === worker.member) continue;
    const known = stoodIn.get(slot);
    if (known !== undefined && known.step >= step) continue;
    stoodIn.set(slot, { by: worker.name, owner: run.workers.get(member)?.name ?? `member ${member}`, step });
    isNew = true;
  }
  return isNew ? { ...run, slotMoves: { ...slotMoves, stoodIn } } : run;
}

/** What time leads to: forgets what was taken over (V2), tries a place again. */
export function advanceMoves(run: RunState, now: number): RunState {
  const { kept, refused } = run.slotMoves;
  if (kept.size === 0 && refused === null) return run;
  const done = stepsDone(run);
  const open = [...kept].filter(([, { step }]) => step >= done);
  const next: RunState =
    open.length === kept.size ? run : { ...run, slotMoves: { ...run.slotMoves, kept: new Map(open) } };
  if (refused === null || now - refused.sinceMs < tryAgainMs) return next;
  return refreshRoster({ ...next, slotMoves: { ...next.slotMoves, refused: null } });
}
