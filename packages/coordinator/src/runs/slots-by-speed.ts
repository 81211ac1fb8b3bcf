/** Moves slots to faster workers, where the job wants it and it is worth it. */
import { decideHandOff } from "./hand-off.ts";
import { takesPart, type RunState, type RunWorker } from "./run-state.ts";
import { ownersToBe, settleSlots } from "./slot-moves/settle-slots.ts";
import { assignSlots } from "./slots.ts";
import { msPerSample } from "./stragglers.ts";

/** A worker that was left without slots is tried again after so long: it may have become faster. */
const tryAgainMs = 30_000;

export function balanceSlots(run: RunState, now: number): RunState {
  if (!run.job.stragglers.handOff) return run;
  const tried = tryAgain(run, now);
  if (tried.balancedBy === tried.paces) return tried;
  const { roster } = tried;
  const members = roster.members.filter((member) => tried.workers.get(member)?.leaving !== true);
  const owners = ownersToBe(tried);
  if (members.length === 0 || owners.includes(-1)) return tried;
  const facts = { owners, members, times: timesOf(tried) };
  const decision = decideHandOff(facts);
  const looked = { ...tried, balancedBy: tried.paces };
  if (decision.kind === "keep") return looked;
  const wanted = assignSlots(owners, tried.slots, members, decision.counts);
  const workers = new Map(
    Array.from(tried.workers, ([member, worker]): [number, RunWorker] => {
      const benchedAtMs = decision.counts.get(member) === 0 ? (worker.benchedAtMs ?? now) : null;
      return [member, { ...worker, benchedAtMs }];
    }),
  );
  const { slotOwners, slotMoves } = settleSlots(looked, wanted);
  return { ...looked, workers, slotMoves, roster: { ...roster, revision: roster.revision + 1, slotOwners } };
}

/** Owners by speed when the members have changed; undefined: dealt evenly. */
export function countsBySpeed(
  run: RunState,
  owners: readonly number[],
  members: readonly number[],
): ReadonlyMap<number, number> | undefined {
  if (!run.job.stragglers.handOff) return undefined;
  const dealt = assignSlots(owners, run.slots, members);
  const decision = decideHandOff({ owners: dealt, members, times: timesOf(run) });
  return decision.kind === "keep" ? undefined : decision.counts;
}

function timesOf(run: RunState): Map<number, number> {
  const times = new Map<number, number>();
  for (const worker of run.workers.values()) {
    const time = takesPart(run, worker) === undefined ? null : msPerSample(worker.recent);
    if (time !== null) times.set(worker.member, time);
  }
  return times;
}

/** What is not known of a worker is taken for the median: it gets slots, and is measured. */
function tryAgain(run: RunState, now: number): RunState {
  const rested = [...run.workers.values()].filter(
    ({ benchedAtMs }) => benchedAtMs !== null && now - benchedAtMs >= tryAgainMs,
  );
  if (rested.length === 0) return run;
  const workers = new Map(run.workers);
  for (const worker of rested) workers.set(worker.member, { ...worker, benchedAtMs: null, recent: [] });
  return { ...run, workers, balancedBy: null };
}
