/** What changed about the runs, in sentences for the log. */
import type { ClusterState } from "../cluster-state.ts";
import { standInTexts } from "../runs/slot-moves/describe-moves.ts";
import { reasonOf } from "../runs/reason.ts";
import type { RunState } from "../runs/run-state.ts";
import { holdersOf } from "../seats/seat.ts";
import { stragglersOf } from "../runs/stragglers.ts";

/** Changes of seats that are told of one step. */
const seatsDescribed = 64;

export function describeChanges(before: ClusterState, after: ClusterState, now: number): readonly string[] {
  if (before.runs === after.runs) return [];
  const notes: string[] = [];
  for (const run of after.runs.values()) {
    const old = before.runs.get(run.run);
    if (old === run || old === undefined) continue;
    if (old.phase !== run.phase) notes.push(`run ${run.run} is ${run.phase}: ${reasonOf(run, now)}`);
    else if (old.phase === "queued" && old.reason !== run.reason) notes.push(`run ${run.run} is ${run.reason}`);
    const sizes = run.stepCuts?.cuts.at(-1)?.sizes;
    if (sizes !== old.stepCuts?.cuts.at(-1)?.sizes && old.stepCuts !== null && sizes !== undefined) {
      notes.push(`run ${run.run} gives the slots of a step ${listSizes(sizes)} samples`);
    }
    const { warning, fellBack } = run.guard;
    if (fellBack !== null && old.guard.fellBack === null) {
      notes.push(`run ${run.run} weighs stale gradients by their staleness from now on: ${fellBack}`);
    }
    for (const [shard, { bound }] of run.guard.signs) {
      const former = old.guard.signs.get(shard)?.bound ?? bound;
      if (former !== bound) notes.push(`run ${run.run}: shard ${shard} has moved its bound from ${former} to ${bound}`);
    }
    if (warning !== null && old.guard.warning === null) notes.push(`run ${run.run}: ${warning}`);
    notes.push(...describeStragglers(old, run), ...describeSnapshots(old, run));
    notes.push(...describeMovesGivenUp(old, run), ...describeStandIns(old, run));
    if (old.seatTerm !== run.seatTerm && old.seatTerm > 0) notes.push(...run.seatNotes.slice(0, seatsDescribed));
    const isSame = old.roster.members === run.roster.members && old.roster.slotOwners === run.roster.slotOwners;
    if (old.roster.revision !== run.roster.revision && old.roster.revision > 0 && !isSame) {
      const names = run.roster.members.map((member) => run.workers.get(member)?.name ?? `member ${member}`);
      notes.push(`run ${run.run} goes on with ${names.join(", ")} (revision ${run.roster.revision})`);
    }
  }
  return notes;
}

function describeSnapshots({ snapshots: old, attempt }: RunState, now: RunState): readonly string[] {
  const { run } = now;
  const { newest, failure } = now.snapshots;
  if (attempt !== now.attempt) return [`run ${run} begins again, as attempt ${now.attempt}`];
  if (failure !== null && failure !== old.failure) return [`run ${run} goes on without a snapshot: ${failure}`];
  if (newest === null || newest === old.newest) return [];
  return [`run ${run}: snapshot ${newest.snapshot} of step ${newest.step} is whole (${newest.bytes} bytes)`];
}

/** Moves that ended elsewhere than where they should. */
function describeMovesGivenUp({ moves }: RunState, run: RunState): readonly string[] {
  const nameOf = (member: number): string =>
    run.servers.find((each) => each.member === member)?.name ?? `member ${member}`;
  return [...moves].flatMap(([shard, { from, to }]) => {
    const seat = run.seats.get(shard);
    if (run.moves.has(shard) || seat === undefined || run.phase !== "training") return [];
    if (holdersOf(seat).some(({ member }) => member === to)) return [];
    return [
      `run ${run.run}: shard ${shard} does not move from ${nameOf(from)} to ${nameOf(to)}, which cannot take it now`,
    ];
  });
}

/** Once for each slot and worker that was silent, however often others stand in for it. */
function describeStandIns({ slotMoves: old }: RunState, { run, slotMoves }: RunState): readonly string[] {
  if (old.stoodIn === slotMoves.stoodIn) return [];
  const fresh = [...slotMoves.stoodIn].filter(([slot, { owner }]) => old.stoodIn.get(slot)?.owner !== owner);
  return standInTexts(new Map(fresh)).map((sentence) => `run ${run}: ${sentence}`);
}

/** Once when a worker has become slow, once when it is not so any more. */
function describeStragglers(old: RunState, run: RunState): readonly string[] {
  if (old.paces === run.paces) return [];
  const before = stragglersOf(old);
  return run.paces.flatMap(({ member, timesMedian, straggler }) => {
    if (straggler === before.has(member)) return [];
    const name = run.workers.get(member)?.name ?? `member ${member}`;
    const said = `${timesMedian.toFixed(1)}× the median time for a sample`;
    return straggler
      ? [`run ${run.run}: ${name} is a straggler: it takes ${said}`]
      : [`run ${run.run}: ${name} is not a straggler any more: it takes ${said}`];
  });
}

/** At most sixteen sizes. */
function listSizes(sizes: readonly number[]): string {
  const rest = sizes.length - 16;
  return sizes.slice(0, 16).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
