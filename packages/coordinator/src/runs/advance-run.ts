/** What time and the run's own state lead to: called after every event and on every tick. */
import { balanceSlots } from "./slots-by-speed.ts";
import { renewCuts } from "./step-cuts.ts";
import { guardTraining } from "../guard/watch-run.ts";
import { allDoneText, isComplete } from "../leases/ledger.ts";
import { isResting } from "../seats/split-stages.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { failRun, sentenceOf } from "./end-run.ts";
import { liveWorkers, releaseLeavers } from "./participation.ts";
import { goneText } from "./reason.ts";
import { advanceMoves } from "./slot-moves/workers-answers.ts";
import { isSynchronous, isUnderWay, isWarmingUp, takesPart, type RunState, type RunWorker } from "./run-state.ts";

export function advanceRun(run: RunState, now: number, settings: CoordinatorSettings): RunState {
  if (!isUnderWay(run)) return run;
  const staffed = watchCapacity(releaseLeavers(advanceMoves(run, now)), now, settings);
  if (staffed.phase === "training") return watchTraining(staffed, now, settings);
  return staffed.phase === "finishing" ? chooseFinisher(staffed) : staffed;
}

function watchCapacity(run: RunState, now: number, settings: CoordinatorSettings): RunState {
  if (liveWorkers(run).length > 0) return run.noWorkerSinceMs === null ? run : { ...run, noWorkerSinceMs: null };
  if (run.noWorkerSinceMs === null) return { ...run, noWorkerSinceMs: now };
  const waitedMs = now - run.noWorkerSinceMs;
  if (waitedMs < settings.capacityTimeoutMs) return run;
  const cause = run.lastFailure === null ? "" : `; the last failure was: ${sentenceOf(run.lastFailure)}`;
  const sentence = `no worker is alive for run ${run.run} since ${Math.round(waitedMs)} ms${goneText(run)}${cause}`;
  return failRun(run, "no_capacity", sentence, { waitedForMs: waitedMs }, now);
}

function watchTraining(run: RunState, now: number, settings: CoordinatorSettings): RunState {
  if (run.ledger === null) return run;
  if (isComplete(run.ledger)) {
    return chooseFinisher({ ...run, phase: "finishing", reason: allDoneText(run.ledger.total) });
  }
  const isExcused = run.noWorkerSinceMs !== null || isResting(run);
  const silentMs = now - Math.max(run.progressAtMs, isExcused ? now : 0);
  // Rounds have deadlines of their own, and clients may stay away for days.
  if (run.job.federated !== null || silentMs < settings.stallTimeoutMs) {
    return guardTraining(balanceSlots(cutSteps(run, now), now), now);
  }
  const names = unfinishedWorkers(run).join(", ");
  const sentence = `no batch of run ${run.run} was finished for ${Math.round(silentMs)} ms; it waits for ${names}`;
  return failRun(run, "deadline_exceeded", sentence, { waitingFor: names }, now);
}

/** Adaptive batches: promises the cuts of more steps, where that is due. */
function cutSteps(run: RunState, now: number): RunState {
  if (run.stepCuts === null) return run;
  const first = run.ledger?.done[0];
  const stepsDone = first?.begin === 0 ? Math.floor(first.end / run.slots) : 0;
  const speeds = new Map<number, number>();
  for (const { member, samplesPerMs } of run.workers.values())
    if (samplesPerMs !== null) speeds.set(member, samplesPerMs);
  const stepCuts = renewCuts(run.stepCuts, { owners: run.roster.slotOwners, speeds, stepsDone }, now);
  if (stepCuts === run.stepCuts) return run;
  return { ...run, stepCuts, roster: { ...run.roster, revision: run.roster.revision + 1 } };
}

/** Names of those whose batches are missing. */
function unfinishedWorkers(run: RunState): readonly string[] {
  const { ledger } = run;
  const nameOf = (member: number): string => run.workers.get(member)?.name ?? `member ${member}`;
  const goesByStep = isSynchronous(run) || isWarmingUp(run);
  if (ledger === null || (!goesByStep && ledger.leases.length === 0)) {
    return [...run.workers.values()].filter((worker) => worker.alive).map((worker) => worker.name);
  }
  if (!goesByStep) return ledger.leases.map((lease) => nameOf(lease.member));
  const firstDone = ledger.done[0];
  const firstOpen = firstDone?.begin === 0 ? firstDone.end : 0;
  const step = Math.floor(firstOpen / run.slots);
  const owners = run.roster.slotOwners.filter((_, slot) => {
    const batch = step * run.slots + slot;
    return !ledger.done.some((range) => range.begin <= batch && batch < range.end);
  });
  return [...new Set(owners)].map(nameOf);
}

/** One worker that has started measures and writes; another takes over when it is gone. */
function chooseFinisher(run: RunState): RunState {
  if (run.finisher !== null && takesPart(run, run.finisher) !== undefined) return run;
  const able = [...run.workers.values()].filter((worker) => worker.started && takesPart(run, worker) !== undefined);
  // Clients know the worker that has the slot: it tells them that the task is over.
  const servesClients = ({ member }: RunWorker): boolean =>
    run.job.federated !== null && run.roster.slotOwners.includes(member);
  const chosen = able.toSorted((a, b) => Number(servesClients(b)) - Number(servesClients(a)) || a.member - b.member)[0];
  const finisher = chosen === undefined ? null : { member: chosen.member, incarnation: chosen.incarnation };
  return finisher === null && run.finisher === null ? run : { ...run, finisher };
}
