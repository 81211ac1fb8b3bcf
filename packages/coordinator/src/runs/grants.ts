/** Answers workers that ask for batches (bounded and asynchronous mode). */
import { batchParts, type BatchesReply, type RequestBatches } from "@shoal/protocol";
import { countOf } from "../leases/interval-set.ts";
import { grant, leaseOf } from "../leases/ledger.ts";
import { leaseSize } from "../leases/lease-size.ts";
import { isResting } from "../seats/split-stages.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { entrust, evaluationDue } from "./evaluation-log.ts";
import { decideIteration } from "./iteration-size.ts";
import { refreshRoster, revisionAtServers } from "./roster.ts";
import { isUnderWay, isWarmingUp, takesPart, withWorker, type RunState, type RunWorker } from "./run-state.ts";

export interface GrantStep {
  readonly run: RunState;
  readonly reply: BatchesReply;
}

/** How soon a worker asks again that waits for the servers to know it. */
const admissionRetryMs = 20;

export function batchesRequested(run: RunState, request: RequestBatches, settings: CoordinatorSettings): GrantStep {
  const pending = (next: RunState, retryAfterMs: number): GrantStep => ({
    run: next,
    reply: { type: "batches_pending", run: run.run, retryAfterMs },
  });
  const over: GrantStep = { run, reply: { type: "batches_exhausted", run: run.run } };
  if (!isUnderWay(run) || run.phase === "finishing") return over;
  const worker = takesPart(run, request);
  const { ledger } = run;
  if (worker === undefined || ledger === null) return pending(run, settings.retryBatchesMs);
  // Its batches go by slots; leases begin with those behind it.
  if (isWarmingUp(run)) return pending(run, admissionRetryMs);
  // What it has in its hands it gets again: the answer may have been lost.
  if (isResting(run) && leaseOf(ledger, worker) === undefined)
    return pending(rest(run, worker), settings.retryBatchesMs);
  const awake = ledger.free.length > 0 ? wake(run, worker) : run;
  const known = awake.workers.get(worker.member) ?? worker;
  if (known.enrolledRevision === null) return pending(awake, settings.retryBatchesMs);
  // A push of a worker that a shard does not know would be refused.
  if (revisionAtServers(awake) < known.enrolledRevision) return pending(awake, admissionRetryMs);
  return decideGrant(awake, known, settings, over);
}

function decideGrant(run: RunState, worker: RunWorker, settings: CoordinatorSettings, over: GrantStep): GrantStep {
  const { ledger } = run;
  if (ledger === null) return over;
  const { parts } = batchParts(run.job);
  const { everySteps } = run.job.evaluation;
  const interval = everySteps === null ? (run.plan?.batchesPerEpoch ?? ledger.total) : everySteps * parts;
  const due = evaluationDue(run.evaluations, worker, ledger.doneCount, interval);
  const { perIteration } = decideIteration({ parts, previous: worker.perIteration, pace: paceOf(run, worker) });
  const decision = grant(ledger, worker, sizeFor(run, worker, perIteration, settings), due);
  switch (decision.kind) {
    case "exhausted":
      return over;
    case "pending":
      return {
        run: rest(run, worker),
        reply: { type: "batches_pending", run: run.run, retryAfterMs: settings.retryBatchesMs },
      };
    case "granted": {
      const { batches } = decision;
      // Of a lease that is granted again, the evaluation may have been reported already.
      const evaluateFirst = decision.evaluateFirst && due;
      const evaluations = evaluateFirst
        ? entrust(run.evaluations, worker, ledger.doneCount, interval)
        : run.evaluations;
      const next = withWorker({ ...run, ledger: decision.ledger, evaluations }, { ...worker, perIteration });
      const granted = { type: "batches_granted", run: run.run, batches, evaluateFirst } as const;
      if (parts === 1) return { run: next, reply: granted };
      // What somebody may have pushed is pushed one by one: a shard has each of them wholly or not at all.
      return { run: next, reply: { ...granted, perIteration: decision.isTakenOver ? 1 : perIteration } };
    }
  }
}

function paceOf(run: RunState, { member }: RunWorker): number | null {
  return run.paces.find((pace) => pace.member === member)?.timesMedian ?? null;
}

/** Part of the speed of all that a worker has; those of whom nothing is known count like the mean of the others. */
function speedShareOf(run: RunState, { member, batchesPerMs: own }: RunWorker): number {
  const members = run.roster.members.length;
  const speeds = run.roster.members.flatMap((each) => run.workers.get(each)?.batchesPerMs ?? []);
  const mean = speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length;
  if (own === null || speeds.length === 0 || !run.roster.members.includes(member)) return 1 / Math.max(1, members);
  return own / (mean * members);
}

function sizeFor(run: RunState, worker: RunWorker, leastBatches: number, settings: CoordinatorSettings): number {
  return leaseSize({
    totalBatches: run.ledger?.total ?? 1,
    freeBatches: countOf(run.ledger?.free ?? []),
    workers: Math.max(1, run.roster.members.length),
    speedShare: speedShareOf(run, worker),
    leastBatches,
    batchesPerMs: worker.batchesPerMs,
    leaseWorkMs: settings.leaseWorkMs,
  });
}

/**
 * Bounded mode: a worker without batches stands still at its clock, and the others may not run further ahead than the
 * bound. So it leaves the roster, otherwise they would wait for it while it waits for their batches.
 */
function rest(run: RunState, worker: RunWorker): RunState {
  if (run.job.consistency.mode !== "bounded" || worker.idle) return run;
  return refreshRoster(withWorker(run, { ...worker, idle: true }));
}

function wake(run: RunState, worker: RunWorker): RunState {
  return worker.idle ? refreshRoster(withWorker(run, { ...worker, idle: false })) : run;
}
