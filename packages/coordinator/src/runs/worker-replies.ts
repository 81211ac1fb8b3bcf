/** What the answers and failures of workers mean to a run. All are idempotent. */
import { counted, errorTable, type SerializedError } from "@shoal/errors";
import { createEpochPlan } from "@shoal/models";
import { batchParts, type ReportFailure, type WorkerReply } from "@shoal/protocol";
import { complete, createLedger } from "../leases/ledger.ts";
import { divergenceText } from "../guard/watch-run.ts";
import { completeRun, failRun, failWith, sentenceOf } from "./end-run.ts";
import { pointOf } from "../snapshots/restart-run.ts";
import { slotsReplied } from "../snapshots/snapshot-replies.ts";
import { unflat } from "../journal/run-records.ts";
import { awaitsCounts, lostText } from "./lost-batches.ts";
import { dropWork, liveWorkers } from "./participation.ts";
import { samplesIn } from "./progress.ts";
import { refreshRoster } from "./roster.ts";
import { slotsGiven } from "./slot-moves/workers-answers.ts";
import {
  hasEnded,
  isSynchronous,
  isUnderWay,
  takesPart,
  warmUpBatches,
  withWorker,
  type RunState,
  type RunWorker,
} from "./run-state.ts";

type RunStarted = WorkerReply & { readonly type: "run_started" };

/** Batch numbers travel as unsigned 32-bit numbers. */
const maximumBatches = 0xffff_ffff;

export function workerReplied(run: RunState, reply: WorkerReply, now: number): RunState {
  const worker = [...run.workers.values()].find((each) => each.name === reply.node && each.alive);
  if (worker === undefined) return run;
  if (reply.type === "run_stopped") {
    // Queued: it is told to drop the last attempt.
    const wasTold = hasEnded(run) || run.phase === "queued" || worker.excluded !== null;
    return wasTold ? withWorker(run, { ...worker, stopped: true }) : run;
  }
  if (!isUnderWay(run) || worker.excluded !== null) return run;
  switch (reply.type) {
    case "run_started":
      return started(run, worker, reply, now);
    case "start_refused":
      return refused(run, worker, reply.error, now);
    case "work_assigned": {
      const confirmedRevision = Math.max(worker.confirmedRevision, reply.revision);
      const placementTerm = Math.max(worker.placementTerm, reply.term ?? 0);
      return withWorker(run, { ...worker, confirmedRevision, placementTerm });
    }
    case "run_finished": {
      // Who has finished is asked again.
      if (run.phase !== "finishing" || awaitsCounts(run)) return run;
      return completeRun(
        { ...run, reason: `${run.reason}${lostText(run)}` },
        { ...reply.result, modelFile: reply.modelFile },
        now,
      );
    }
    case "slots_saved":
    case "slots_not_saved":
      return slotsGiven(run, worker, reply, now) ?? slotsReplied(run, reply);
    case "finish_failed":
      return run.phase === "finishing" ? failed(run, worker, reply.error, now) : run;
  }
}

function started(run: RunState, worker: RunWorker, reply: RunStarted, now: number): RunState {
  const confirmedRevision = Math.max(worker.confirmedRevision, worker.invitedRevision ?? 0);
  const next = withWorker(run, { ...worker, started: true, confirmedRevision });
  if (run.plan === null) return refreshRoster(fixPlan(next, worker, reply, now));
  if (reply.trainSamples !== run.plan.samples) {
    const sentence =
      `${worker.name} has ${reply.trainSamples} training samples (${reply.dataSource}), ` +
      `the other workers of run ${run.run} have ${run.plan.samples} (${run.dataSource})`;
    return failRun(run, "data_corrupt", sentence, { member: worker.name }, now);
  }
  return worker.started ? next : refreshRoster(next);
}

/** R3: training begins with the first worker that has the data. */
function fixPlan(run: RunState, worker: RunWorker, reply: RunStarted, now: number): RunState {
  const { epochs } = run.job;
  const batchSize = batchParts(run.job).samples;
  // Outside synchronous mode each batch is for itself, also in a warm-up.
  const slots = isSynchronous(run) ? run.slots : 1;
  const plan = createEpochPlan({ samples: reply.trainSamples, batchSize, slots, epochs });
  if (plan.totalBatches > maximumBatches) {
    const sentence = `job.epochs: ${counted(epochs, "epoch makes", "epochs make")} ${plan.totalBatches} batches, at most ${maximumBatches} can be counted`;
    return failRun(run, "invalid_job", sentence, { member: worker.name }, now);
  }
  const warmUp = warmUpBatches(run);
  if (warmUp > plan.totalBatches) {
    const sentence =
      `job.consistency.warmUpSteps: expected at most ${Math.floor(plan.totalBatches / run.slots)}, ` +
      `because the run has ${counted(plan.totalBatches, "batch", "batches")} for steps of ${run.slots}`;
    return failRun(run, "invalid_job", sentence, { field: "job.consistency.warmUpSteps" }, now);
  }
  const point = pointOf(run);
  if (point !== undefined && point.samples !== reply.trainSamples) {
    const sentence =
      `${worker.name} has ${reply.trainSamples} training samples (${reply.dataSource}), ` +
      `snapshot ${point.snapshot} was taken of a run on ${point.samples}`;
    return failRun(run, "data_corrupt", sentence, { member: worker.name }, now);
  }
  const { ledger } = complete(createLedger(plan.totalBatches), unflat(point?.done ?? []));
  const begun: RunState = {
    ...run,
    phase: "training",
    trainingAtMs: now,
    progressAtMs: now,
    plan,
    ledger,
    dataSource: reply.dataSource,
  };
  return { ...begun, samplesDone: samplesIn(begun, ledger.done) };
}

/** A worker that came later must not end a run that others carry; one that the run counts on does. */
function refused(run: RunState, worker: RunWorker, error: SerializedError, now: number): RunState {
  if (errorTable[error.code].retry !== "never") return { ...run, lastFailure: error };
  return worker.initial ? failed(run, worker, error, now) : exclude(run, worker, error);
}

export function failureReported(run: RunState, report: ReportFailure, now: number): RunState {
  const worker = takesPart(run, report);
  return worker === undefined || !isUnderWay(run) ? run : failed(run, worker, report.error, now);
}

/**
 * An error that no repetition can heal ends the run. After any other the worker is out of this run (its sequence
 * numbers cannot begin again in this life) and its work goes to the others. `cancelled` is a worker on its way out.
 */
function failed(run: RunState, worker: RunWorker, error: SerializedError, now: number): RunState {
  if (error.code === "not_finite" && run.phase === "training") return notFinite(run, worker, error, now);
  const hopeless = errorTable[error.code].retry === "never" && error.code !== "cancelled";
  return hopeless ? failWith(run, worker.name, error, now) : exclude(run, worker, error);
}

/** Batches within which a second worker's NaN is taken for the run's own, not for that worker's. */
const sameTroubleBatches = 100;

/**
 * A gradient that is not finite may be its worker's own fault: others compute the batch again. When another one meets
 * NaN in the same batch, or soon after, it is the run that has diverged.
 */
function notFinite(run: RunState, worker: RunWorker, error: SerializedError, now: number): RunState {
  const done = run.ledger?.doneCount ?? 0;
  const batch = error.details["batch"];
  const before = run.notFinite;
  const isRepeated = before !== null && (before.batch === batch || done - before.done < sameTroubleBatches);
  const others = liveWorkers(run).filter(({ member }) => member !== worker.member);
  if (isRepeated || others.length === 0) {
    const also = before === null ? "" : `, as it was on ${before.name}`;
    const message = `${sentenceOf(error)}${also}${divergenceText(run)}`;
    return failWith(run, worker.name, { ...error, message }, now);
  }
  const known = { name: worker.name, done, batch: typeof batch === "number" ? batch : null };
  return exclude({ ...run, notFinite: known }, worker, error);
}

function exclude(run: RunState, worker: RunWorker, error: SerializedError): RunState {
  const out = withWorker({ ...run, lastFailure: error }, { ...worker, excluded: error.message });
  return dropWork(out, worker);
}
