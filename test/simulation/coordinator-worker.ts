/** A worker that keeps to the protocol, pushes to played shards and computes nothing. */
import type { ActorContext, ActorSystem, Ref } from "@shoal/actors";
import { ShoalError, type SerializedError } from "@shoal/errors";
import { createEpochPlan, type EpochPlan } from "@shoal/models";
import {
  batchesReplySchema,
  coordinatorAddress,
  evaluationReplySchema,
  progressReplySchema,
  startMembership,
  workerCommandSchema,
  type BatchesReply,
  type BatchRange,
  type CoordinatorMessage,
  type EvaluationReply,
  type Joined,
  type ProgressReply,
  type ReportProgress,
  type StartRun,
  type WorkerAssignment,
  type WorkerCommand,
} from "@shoal/protocol";
import type { PlayedRun, PlayedShards } from "./coordinator-shards.ts";

const idle = { activity: "idle", detail: "", forMs: null, exchanges: [] } as const;

export interface WorkerScript {
  readonly shards: PlayedShards;
  /** Training samples that it finds: 1,000. */
  readonly samples?: number;
  /** Time to load the data: 50 ms. */
  readonly loadMs?: number;
  /** Time for one batch: 10 ms. */
  readonly batchMs?: number;
  readonly accuracyAt?: (step: number) => number;
  readonly lossAt?: (step: number) => number;
  /** Answers start_run with this error. */
  readonly refuses?: SerializedError;
  /** Reports this failure once it has pushed so many batches. */
  readonly failsAfter?: { readonly batches: number; readonly error: SerializedError };
}

export interface PlayedWorker {
  readonly name: string;
  /** Runs that it works on now. */
  readonly busy: ReadonlySet<string>;
  /** Assignments it was given, in order. */
  readonly assignments: readonly WorkerAssignment[];
  /** Leases it was granted. */
  readonly leases: readonly BatchRange[];
  readonly evaluated: readonly number[];
  /** Runs it was asked to finish. */
  readonly finished: readonly string[];
  leave(): void;
}

type Own = { readonly type: "loaded" | "step" | "report" | "measured" };
type Inbox = WorkerCommand | BatchesReply | ProgressReply | EvaluationReply | Own;

const schemas = [workerCommandSchema, batchesReplySchema, progressReplySchema, evaluationReplySchema];

function acceptsInbox(body: unknown): Inbox {
  const results = schemas.map((schema) => schema.safeParse(body));
  const fitting = results.find((result) => result.success);
  if (fitting?.success === true) return fitting.data;
  throw new ShoalError("codec_failed", "no message for a worker");
}

const reportMs = 100;

/** Everything about the run that the worker is in. */
interface Work {
  readonly start: StartRun;
  readonly life: Joined;
  readonly plan: EpochPlan;
  readonly shards: PlayedRun;
  assignment: WorkerAssignment;
  loaded: boolean;
  stopped: boolean;
  clock: number;
  batches: number;
  readonly contributed: Set<number>;
  lease: { next: number; readonly end: number } | undefined;
  evaluateAt: number | undefined;
  readonly evaluatedAt: Set<number>;
  pending: BatchRange[];
  report: Omit<ReportProgress, "replyTo"> | undefined;
  reports: number;
  finish: Ref<never> | undefined;
}

export function playWorker(system: ActorSystem, script: WorkerScript): PlayedWorker {
  const record = {
    busy: new Set<string>(),
    assignments: [] as WorkerAssignment[],
    leases: [] as BatchRange[],
    evaluated: [] as number[],
    finished: [] as string[],
  };
  const control = system.spawn<Inbox>(
    "control",
    (context) => new Player(system, script, record, context, () => membership.current()).hear,
    { accepts: acceptsInbox },
  );
  const membership = startMembership(system, {
    coordinator: system.ref(coordinatorAddress),
    introduce: (replyTo) => ({ type: "join_as_worker", node: system.node, control, replyTo }),
    onJoined: () => undefined,
  });
  return { name: system.node, ...record, leave: membership.leave };
}

interface Records {
  readonly busy: Set<string>;
  readonly assignments: WorkerAssignment[];
  readonly leases: BatchRange[];
  readonly evaluated: number[];
  readonly finished: string[];
}

class Player {
  readonly #system: ActorSystem;
  readonly #script: WorkerScript;
  readonly #record: Records;
  readonly #context: ActorContext<Inbox>;
  readonly #identity: () => Joined | undefined;
  readonly #coordinator: Ref<CoordinatorMessage>;
  #work: Work | undefined;
  /** What its shards have from it, over all its lives. */
  #pushed = 0;

  constructor(
    system: ActorSystem,
    script: WorkerScript,
    record: Records,
    context: ActorContext<Inbox>,
    identity: () => Joined | undefined,
  ) {
    this.#system = system;
    this.#script = script;
    this.#record = record;
    this.#context = context;
    this.#identity = identity;
    this.#coordinator = system.ref(coordinatorAddress);
  }

  readonly hear = (message: Inbox): void => {
    const work = this.#work;
    switch (message.type) {
      case "start_run":
        this.#start(message);
        return;
      case "assign_work":
        if (work?.start.run === message.run && message.assignment.revision > work.assignment.revision) {
          work.assignment = message.assignment;
          this.#record.assignments.push(message.assignment);
        }
        message.replyTo.tell({
          type: "work_assigned",
          run: message.run,
          node: this.#system.node,
          revision: message.assignment.revision,
        });
        return;
      case "finish_run":
        this.#record.finished.push(message.run);
        message.replyTo.tell({
          type: "run_finished",
          run: message.run,
          node: this.#system.node,
          result: { accuracy: 0.9, loss: 0.3, metrics: { accuracy: 0.9 } },
          modelFile: `/models/${message.run}.safetensors`,
        });
        return;
      case "stop_run":
        if (work?.start.run === message.run) work.stopped = true;
        this.#record.busy.delete(message.run);
        message.replyTo.tell({ type: "run_stopped", run: message.run, node: this.#system.node });
        return;
      case "save_slots": {
        const [{ node }, { run, snapshot, replyTo }] = [this.#system, message];
        const error = new ShoalError("store_unavailable", `${node} is played and has no place for snapshots`);
        replyTo.tell({ type: "slots_not_saved", run, node, snapshot, passed: null, error: error.toJSON() });
        return;
      }
      case "describe_work":
        return message.replyTo.tell({ type: "work_described", run: message.run, node: this.#system.node, work: idle });
      case "read_rounds":
        return message.replyTo.tell({ type: "rounds_read", run: message.run, begin: 0, content: new Uint8Array() });
      default:
        if (work !== undefined && !work.stopped) this.#goOn(work, message);
    }
  };

  #start(message: StartRun): void {
    const { node } = this.#system;
    const { run, replyTo } = message;
    if (this.#script.refuses !== undefined) {
      replyTo.tell({ type: "start_refused", run, node, error: this.#script.refuses });
      return;
    }
    const life = this.#identity();
    if (life === undefined) return;
    const known = this.#work;
    if (known?.start.run === run && known.life.incarnation === life.incarnation) {
      if (known.loaded) this.#confirm(known);
      return;
    }
    const { samples = 1000, loadMs = 50 } = this.#script;
    const { batchSize, epochs } = message.job;
    this.#work = {
      start: message,
      life,
      plan: createEpochPlan({ samples, batchSize, epochs, slots: message.slots }),
      shards: this.#script.shards.of(run),
      assignment: message.assignment,
      loaded: false,
      stopped: false,
      clock: 0,
      batches: 0,
      contributed: new Set(),
      lease: undefined,
      evaluateAt: undefined,
      evaluatedAt: new Set(),
      pending: [],
      report: undefined,
      reports: 0,
      finish: undefined,
    };
    this.#record.busy.add(run);
    this.#record.assignments.push(message.assignment);
    this.#context.after(loadMs, { type: "loaded" });
  }

  #confirm(work: Work): void {
    const { samples = 1000 } = this.#script;
    const { run, replyTo } = work.start;
    const dataSource = "played samples";
    replyTo.tell({ type: "run_started", run, node: this.#system.node, dataSource, trainSamples: samples });
  }

  #goOn(work: Work, message: Exclude<Inbox, WorkerCommand>): void {
    switch (message.type) {
      case "loaded":
        if (work.loaded) return;
        work.loaded = true;
        this.#confirm(work);
        this.#context.after(0, { type: "step" });
        this.#context.after(reportMs, { type: "report" });
        return;
      case "step":
        if (this.#fails(work)) return;
        if (work.start.job.consistency.mode === "synchronous") this.#stepTogether(work);
        else this.#stepAlone(work);
        return;
      case "report":
        this.#report(work);
        this.#context.after(reportMs, { type: "report" });
        return;
      case "progress_recorded":
        if (message.report === work.report?.report) work.report = undefined;
        return;
      case "batches_granted":
        if (work.lease !== undefined) return;
        this.#record.leases.push(message.batches);
        work.lease = { next: message.batches.begin, end: message.batches.end };
        if (message.evaluateFirst) work.evaluateAt = work.batches;
        return;
      case "batches_exhausted":
        return;
      case "evaluation_recorded":
        if (message.step !== work.evaluateAt) return;
        work.evaluatedAt.add(message.step);
        work.evaluateAt = undefined;
        if (!message.proceed) work.stopped = true;
        return;
      default:
    }
  }

  #fails(work: Work): boolean {
    const { failsAfter } = this.#script;
    if (failsAfter === undefined || this.#pushed < failsAfter.batches) return false;
    work.stopped = true;
    this.#coordinator.tell({ type: "report_failure", ...this.#from(work), error: failsAfter.error });
    return true;
  }

  #again(delayMs: number): void {
    this.#context.after(delayMs, { type: "step" });
  }

  #stepTogether(work: Work): void {
    const { plan, shards, start, assignment } = work;
    const { slots } = start;
    const { batchMs = 10 } = this.#script;
    if (work.clock < shards.version) {
      for (const slot of work.contributed) {
        const batch = work.clock * slots + slot;
        work.pending.push({ begin: batch, end: batch + 1 });
      }
      work.contributed.clear();
      work.clock = shards.version;
    }
    if (work.clock >= plan.totalSteps) return;
    const isDue = work.clock > 0 && work.clock % plan.stepsPerEpoch === 0 && !work.evaluatedAt.has(work.clock);
    if (isDue && assignment.slots.includes(0)) {
      work.evaluateAt = work.clock;
      this.#evaluate(work, work.clock);
      this.#again(100);
      return;
    }
    const open = assignment.slots.find((slot) => !work.contributed.has(slot));
    if (open === undefined) {
      this.#again(batchMs);
      return;
    }
    if (shards.contribute(work.life, work.clock, open, slots)) {
      work.contributed.add(open);
      this.#pushed += 1;
    }
    this.#again(batchMs);
  }

  #stepAlone(work: Work): void {
    const { batchMs = 10 } = this.#script;
    if (work.lease === undefined) {
      if (work.pending.length > 0 || work.report !== undefined) this.#report(work);
      else this.#coordinator.tell({ type: "request_batches", ...this.#from(work), replyTo: this.#context.self });
      this.#again(30);
      return;
    }
    if (work.evaluateAt !== undefined) {
      this.#evaluate(work, work.evaluateAt);
      this.#again(100);
      return;
    }
    const { consistency } = work.start.job;
    const isHeld = consistency.mode === "bounded" && !work.shards.mayStart(work.life, consistency.staleness);
    const batch = work.lease.next;
    if (isHeld || !work.shards.apply(work.life, batch)) {
      this.#again(batchMs);
      return;
    }
    this.#pushed += 1;
    work.batches += 1;
    work.clock += 1;
    work.pending.push({ begin: batch, end: batch + 1 });
    work.lease.next += 1;
    if (work.lease.next === work.lease.end) work.lease = undefined;
    this.#again(batchMs);
  }

  #evaluate(work: Work, step: number): void {
    const { accuracyAt = () => 0.5, lossAt = () => 1 } = this.#script;
    this.#record.evaluated.push(step);
    const accuracy = accuracyAt(step);
    const result = { accuracy, loss: lossAt(step), metrics: { accuracy } };
    const version = work.shards.version;
    this.#coordinator.tell({
      type: "report_evaluation",
      ...this.#from(work),
      step,
      version,
      result,
      replyTo: this.#context.self,
    });
  }

  #report(work: Work): void {
    if (work.report === undefined) {
      if (work.pending.length === 0) return;
      work.reports += 1;
      const completed = work.pending.splice(0);
      const { samples, batchMs } = { samples: work.start.job.batchSize * completed.length, batchMs: 10 };
      work.report = {
        type: "report_progress",
        ...this.#from(work),
        report: work.reports,
        completed,
        figures: {
          clock: work.clock,
          loss: 1 / (1 + work.clock),
          firstLoss: 1 / (1 + work.clock),
          samples,
          stalenessSum: 0,
          stalenessMax: 0,
          pushes: completed.length,
          computeMs: batchMs * completed.length,
          waitMs: 0,
        },
      };
    }
    this.#coordinator.tell({ ...work.report, replyTo: this.#context.self });
  }

  #from(work: Work): { run: string; member: number; incarnation: number } {
    return { run: work.start.run, member: work.life.member, incarnation: work.life.incarnation };
  }
}
