/**
 * A run as the coordinator knows it: one immutable value, changed by the pure functions of this folder.
 *
 * Invariants
 *   R1  a run that has ended (completed, failed, cancelled) never leaves that phase.
 *   R2  the roster's revision grows with every change of who takes part, owns which slot, or leads which shard.
 *   R3  `plan` and `ledger` are fixed by the first worker that has loaded the data; `slots` by the start.
 */
import { newGuard, type GuardState } from "../guard/guard-state.ts";
import type { SerializedError } from "@shoal/errors";
import { noMoves, type MovingSlots } from "./slot-moves/moving-slots.ts";
import type { CutState } from "./step-cuts.ts";
import type { EpochPlan } from "@shoal/models";
import {
  synchronousSteps,
  type JobSpec,
  type Placement,
  type RunPhase,
  type RunStatus,
  type ShardAssignment,
  type ShardSeat,
  type UpdateTreatment,
} from "@shoal/protocol";
import type { SeatMove } from "../seats/decide-seat.ts";
import { neverSplit, type SplitProgress } from "../seats/split-progress.ts";
import type { ShardTraffic } from "../seats/shard-traffic.ts";
import type { Fill, SlowServer } from "../seats/watch-learners.ts";
import type { Holder, Ledger } from "../leases/ledger.ts";
import type { EvaluationLog } from "./evaluation-log.ts";
import { noSnapshots, type RunOrigin, type SnapshotProgress } from "../snapshots/snapshot-state.ts";
import type { Pace, ReportedWork } from "./stragglers.ts";
import type { KeptFigures } from "../journal/kept-figures.ts";
import { noFigures, type RunFigures } from "./figures.ts";
import type { AppliedBatches } from "./lost-batches.ts";
import { noTraffic, type RunTraffic } from "./traffic.ts";
import { emptyEvaluationLog } from "./evaluation-log.ts";

export interface RunServer extends Holder {
  readonly name: string;
  readonly alive: boolean;
  /** Why its lease ended; null: it has not. */
  readonly lostBecause: string | null;
  /** Revision of the members in the first host_shards; null: none was sent yet. */
  readonly invitedRevision: number | null;
  /** Shards that it is known to have, with the term of the seat that it knows. */
  readonly known: ReadonlyMap<number, number>;
  /** It could not take a copy (memory, for instance): it is asked for no more of them. */
  readonly refuses: boolean;
  /** Newest log entry of each shard that it was heard to have. */
  readonly indexes: ReadonlyMap<number, number>;
  /** Newest revision of the members that it is known to have. */
  readonly confirmedRevision: number;
  readonly released: boolean;
}

export interface RunWorker extends Holder {
  readonly name: string;
  readonly alive: boolean;
  /** It was there at the start: its slots wait for it. One that comes later gets work once it has loaded the data. */
  readonly initial: boolean;
  /** Revision of the assignment in the first start_run; null: none was sent yet. */
  readonly invitedRevision: number | null;
  readonly started: boolean;
  /** Newest revision of its assignment that it is known to have. */
  readonly confirmedRevision: number;
  /** Term of the placement that it is known to follow. */
  readonly placementTerm: number;
  /** Revision since which the roster lists it; null: it does not. */
  readonly enrolledRevision: number | null;
  /** Bounded mode: it has no batches, so its clock must not hold the others back. */
  readonly idle: boolean;
  /** Why it takes no further part, though alive; null: it does. */
  readonly excluded: string | null;
  readonly stopped: boolean;
  /** It wants to go, and has first to hand over what its slots keep. */
  readonly leaving: boolean;
  /** Number of its newest progress report. */
  readonly lastReport: number;
  readonly batchesPerMs: number | null;
  /** Adaptive batches by lease: parts of a batch that make one of its iterations; null: not decided. */
  readonly perIteration: number | null;
  /** Since when hand-off leaves it without slots, ms; null: it does not. */
  readonly benchedAtMs: number | null;
  /** Samples that it computed in a millisecond of computing. */
  readonly samplesPerMs: number | null;
  /** Its newest steps. */
  readonly recent: readonly ReportedWork[];
}

/** Who takes part, as servers and workers are told. */
export interface Roster {
  readonly revision: number;
  /** Newest revision that the servers must have: with what came later nothing changed for them. */
  readonly servedRevision: number;
  /** Member numbers, ascending. */
  readonly members: readonly number[];
  /** Member that owns each slot; empty outside synchronous mode. */
  readonly slotOwners: readonly number[];
  /** The one worker that gives the shards their initial values. */
  readonly initializer: number | null;
}

/** Members whose copies a primary has reported complete, under one term of its seat. */
export interface CaughtUp {
  readonly term: number;
  readonly members: ReadonlySet<number>;
}

/** When a command was sent. */
export interface Delivery {
  readonly firstSentAtMs: number;
  readonly lastSentAtMs: number;
  readonly attempts: number;
}

export interface RunState {
  readonly run: string;
  readonly submission: string;
  readonly job: JobSpec;
  readonly parameterCount: number;
  /** Counts how often it began again from a snapshot. */
  readonly attempt: number;
  /** The snapshot that this attempt begins with; null: none. */
  readonly origin: RunOrigin | null;
  readonly snapshots: SnapshotProgress;
  readonly phase: RunPhase;
  /** Why it ended or is about to; empty while the phase speaks for itself (see `reason.ts`). */
  readonly reason: string;
  readonly error: SerializedError | null;
  readonly result: RunStatus["result"];
  readonly submittedAtMs: number;
  /** Since when it is at the head of the queue. */
  readonly headAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly trainingAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly slots: number;
  /** Where the workers find the shards now. */
  readonly placement: Placement | null;
  /** Term under which the shards are hosted, from the start of the run to its end. */
  readonly hostingTerm: number;
  /** Replicas that each shard should have. */
  readonly copies: number;
  /** It goes on from a snapshot, and nobody trains before the copies are there. */
  readonly awaitsCopies: boolean;
  /** The shards by number, without their seats; those without keys are left out. */
  readonly assignments: ReadonlyMap<number, ShardAssignment>;
  readonly seats: ReadonlyMap<number, ShardSeat>;
  /** Servers are told of the seats: only then can a shard get another copy, or move. False costs them nothing. */
  readonly isSeated: boolean;
  /** Newest term that was given to a seat. */
  readonly seatTerm: number;
  /** What the newest change of seats was, and why. */
  readonly seatNotes: readonly string[];
  /** Learners that primaries have reported caught up, by shard. */
  readonly caughtUp: ReadonlyMap<number, CaughtUp>;
  /** Copies that are being filled, by shard. */
  readonly fills: ReadonlyMap<number, Fill>;
  /** Servers that did not catch up with a copy, by member. */
  readonly slowServers: ReadonlyMap<number, SlowServer>;
  /** Shards that are on their way to another server. */
  readonly moves: ReadonlyMap<number, SeatMove>;
  /** When a move was decided last, or none was needed. */
  readonly movedAtMs: number;
  /** Ranges that are too hot for any server. */
  readonly split: SplitProgress;
  /** By shard. */
  readonly shardTraffic: ReadonlyMap<number, ShardTraffic>;
  /** Batches that each shard has applied, where they are counted in the end: see `lost-batches.ts`. */
  readonly applied: ReadonlyMap<number, AppliedBatches>;
  /** What the updates of the shards refer to; empty until the run starts. */
  readonly treatments: readonly UpdateTreatment[];
  readonly servers: readonly RunServer[];
  readonly workers: ReadonlyMap<number, RunWorker>;
  readonly roster: Roster;
  readonly slotMoves: MovingSlots;
  readonly plan: EpochPlan | null;
  readonly ledger: Ledger | null;
  readonly samplesDone: number;
  readonly dataSource: string;
  /** When a batch was finished last. */
  readonly progressAtMs: number;
  readonly figures: RunFigures;
  readonly traffic: RunTraffic;
  readonly evaluations: EvaluationLog;
  /** Adaptive batches: how steps are cut; null: evenly. */
  readonly stepCuts: CutState | null;
  readonly guard: GuardState;
  /** Workers by their time for a sample, the slowest first; those that no longer take part are left out. */
  readonly paces: readonly Pace[];
  /** The paces that slots were last dealt by. */
  readonly balancedBy: readonly Pace[] | null;
  /** Whose gradient was not finite last, in which batch, and how many batches were done then. */
  readonly notFinite: { readonly name: string; readonly batch: number | null; readonly done: number } | null;
  readonly finisher: Holder | null;
  readonly noWorkerSinceMs: number | null;
  /** The newest failure that did not end the run by itself. */
  readonly lastFailure: SerializedError | null;
  /** Figures that were written for the next coordinator last; null: none. */
  readonly kept: KeptFigures | null;
  /** By the key of the command. */
  readonly deliveries: ReadonlyMap<string, Delivery>;
  /** A coordinator before this one ran it: whoever joins is told to drop it. */
  readonly orphaned: boolean;
}

export interface NewRun {
  readonly run: string;
  readonly submission: string;
  readonly job: JobSpec;
  readonly parameterCount: number;
}

export function createRun(given: NewRun, now: number): RunState {
  return {
    ...given,
    attempt: 0,
    origin: null,
    snapshots: noSnapshots,
    phase: "queued",
    reason: "waiting for the runs before it",
    error: null,
    result: null,
    submittedAtMs: now,
    headAtMs: null,
    startedAtMs: null,
    trainingAtMs: null,
    endedAtMs: null,
    slots: 0,
    placement: null,
    hostingTerm: 0,
    copies: 0,
    awaitsCopies: false,
    assignments: new Map(),
    seats: new Map(),
    isSeated: false,
    seatTerm: 0,
    seatNotes: [],
    caughtUp: new Map(),
    fills: new Map(),
    slowServers: new Map(),
    moves: new Map(),
    movedAtMs: Number.NEGATIVE_INFINITY,
    split: neverSplit,
    shardTraffic: new Map(),
    applied: new Map(),
    treatments: [],
    servers: [],
    workers: new Map(),
    roster: { revision: 0, servedRevision: 0, members: [], slotOwners: [], initializer: null },
    slotMoves: noMoves,
    plan: null,
    ledger: null,
    samplesDone: 0,
    dataSource: "",
    progressAtMs: now,
    figures: noFigures,
    traffic: noTraffic,
    evaluations: emptyEvaluationLog,
    stepCuts: null,
    guard: newGuard,
    paces: [],
    balancedBy: null,
    notFinite: null,
    finisher: null,
    noWorkerSinceMs: null,
    lastFailure: null,
    kept: null,
    deliveries: new Map(),
    orphaned: false,
  };
}

export function hasEnded(run: RunState): boolean {
  return run.phase === "completed" || run.phase === "failed" || run.phase === "cancelled";
}

/** True while members hold something for the run. */
export function isUnderWay(run: RunState): boolean {
  return run.phase === "starting" || run.phase === "training" || run.phase === "finishing";
}

export function isSynchronous(run: RunState): boolean {
  return run.job.consistency.mode === "synchronous";
}

/** True when steps of slots are part of the run: all of it, or a warm-up. */
export function hasSlots(run: RunState): boolean {
  return synchronousSteps(run.job.consistency) > 0;
}

/** Batches of the synchronous steps before the leases of another mode begin. */
export function warmUpBatches(run: RunState): number {
  return isSynchronous(run) ? 0 : synchronousSteps(run.job.consistency) * run.slots;
}

export function isWarmingUp(run: RunState): boolean {
  const first = run.ledger?.done[0];
  const done = first?.begin === 0 ? first.end : 0;
  return done < warmUpBatches(run);
}

/** The participant with this life, if it is alive and takes part. */
export function takesPart(run: RunState, life: Holder): RunWorker | undefined {
  const worker = run.workers.get(life.member);
  const current = worker?.alive === true && worker.incarnation === life.incarnation && worker.excluded === null;
  return current ? worker : undefined;
}

export function withWorker(run: RunState, worker: RunWorker): RunState {
  return { ...run, workers: new Map(run.workers).set(worker.member, worker) };
}

export function withServer(run: RunState, server: RunServer): RunState {
  return { ...run, servers: run.servers.map((each) => (each.member === server.member ? server : each)) };
}

/** Slots that a worker computes, ascending. */
export function slotsOf(run: RunState, member: number): readonly number[] {
  if (!hasSlots(run)) return [];
  return run.roster.slotOwners.flatMap((owner, slot) => (owner === member ? [slot] : []));
}
