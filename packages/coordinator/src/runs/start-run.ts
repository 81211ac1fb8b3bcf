/** Makes a queued run start: fixes its slots, places its shards, enrols its workers. */
import { layoutOf, parseModelSpec } from "@shoal/models";
import { contributionSamples, sizeOf, type KeyRange, type Placement, type ShardAssignment } from "@shoal/protocol";
import type { Member } from "../membership/membership.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { toHolder } from "../seats/advance-seats.ts";
import { firstSeats } from "../seats/first-seats.ts";
import { withSeatedServers } from "../seats/run-seats.ts";
import { encodedPart } from "../placement/encoded-part.ts";
import { parameterUpdates, updatesWithin } from "../placement/parameter-updates.ts";
import { placeRanges, placeShards } from "../placement/placement.ts";
import { pointOf } from "../snapshots/restart-run.ts";
import type { ResumePoint } from "../snapshots/snapshot-state.ts";
import { emptyEvaluationLog, type EvaluationLog } from "./evaluation-log.ts";
import { refreshRoster } from "./roster.ts";
import { firstCuts, type CutState } from "./step-cuts.ts";
import { hasSlots, isSynchronous, type RunState, type RunWorker } from "./run-state.ts";

export interface StartMembers {
  /** At least one. */
  readonly workers: readonly Member[];
  /** At least one. */
  readonly servers: readonly Member[];
}

export function startRun(
  run: RunState,
  members: StartMembers,
  clusterTerm: number,
  now: number,
  settings: CoordinatorSettings,
): RunState {
  const candidates = members.servers.map(({ member, name, endpoint }) => ({
    member,
    name,
    endpoint: endpoint ?? name,
  }));
  const layout = layoutOf(parseModelSpec(run.job.model));
  const { cuts } = parameterUpdates(run.job, layout);
  const point = pointOf(run);
  // Higher than every term that a server may remember of an earlier attempt.
  const term = Math.max(clusterTerm, run.seatTerm + 1, (point?.seatTerm ?? 0) + 1);
  const placed =
    point === undefined
      ? placeShards(run.parameterCount, run.job.shards, cuts, candidates, term)
      : placeRanges(rangesOf(point), candidates, term);
  const placement = {
    ...placed,
    shards: placed.shards.map((shard) => ({ ...shard, ...encodedPart(run.job, layout, shard) })),
  };
  const copies = run.job.durability.replicas ?? settings.replicas;
  const workers = new Map(members.workers.map((worker) => [worker.member, newWorker(worker, true)]));
  const started: RunState = {
    ...run,
    phase: "starting",
    reason: "",
    startedAtMs: now,
    progressAtMs: now,
    ...shardsOfPlacement(run, placement),
    hostingTerm: term,
    copies,
    isSeated: copies > 0 || settings.balanceMs > 0,
    // The primaries read the snapshot; copies are filled by them.
    seats: firstSeats(placement, point === undefined ? copies : 0, members.servers.map(toHolder)),
    awaitsCopies: point !== undefined && copies > 0,
    seatTerm: term,
    workers,
    servers: [],
    deliveries: new Map(),
    slots: point?.slots ?? (hasSlots(run) ? (run.job.slots ?? workers.size) : 1),
    ...(point !== undefined && { evaluations: evaluationsOf(point) }),
  };
  const stepCuts = run.job.stragglers.adaptiveBatch && isSynchronous(run) ? cutsOf(started, point, now) : null;
  return refreshRoster(withSeatedServers({ ...started, stepCuts }));
}

function rangesOf({ ranges }: ResumePoint): ReadonlyMap<number, KeyRange> {
  const places = Array.from({ length: ranges.length / 3 }, (_, index) => ranges.slice(3 * index, 3 * index + 3));
  return new Map(places.map(([shard = 0, begin = 0, end = 0]) => [shard, { begin, end }]));
}

function evaluationsOf({ evaluations, bestLoss, sinceBest }: ResumePoint): EvaluationLog {
  return { ...emptyEvaluationLog, list: evaluations, bestLoss, sinceBest };
}

/** The promise of the snapshot holds on: no step beyond it was begun. */
function cutsOf(run: RunState, point: ResumePoint | undefined, now: number): CutState {
  const first = firstCuts(run.slots, contributionSamples(run.job), now);
  const kept = point?.stepCuts ?? null;
  return kept === null ? first : { ...first, ...kept, renewedAtStep: point?.step ?? 0 };
}

/** What follows from the ranges of a placement and the job: how each shard is updated. */
export function shardsOfPlacement(
  { job }: Pick<RunState, "job">,
  placement: Placement,
): Pick<RunState, "placement" | "treatments" | "assignments"> {
  const { treatments, ranges } = parameterUpdates(job, layoutOf(parseModelSpec(job.model)));
  const assignments = placement.shards
    .filter((shard) => sizeOf(shard) > 0)
    .map(({ shard, begin, end, encoding }): [number, ShardAssignment] => [
      shard,
      {
        ...{ shard, begin, end, ...(encoding !== undefined && { encoding }) },
        updates: updatesWithin(ranges, { begin, end }),
      },
    ]);
  return { placement, treatments, assignments: new Map(assignments) };
}

/** @param initial it was there at the start of the run */
export function newWorker(member: Pick<Member, "member" | "incarnation" | "name">, initial: boolean): RunWorker {
  return {
    member: member.member,
    incarnation: member.incarnation,
    name: member.name,
    alive: true,
    initial,
    invitedRevision: null,
    started: false,
    confirmedRevision: 0,
    placementTerm: 0,
    enrolledRevision: null,
    idle: false,
    excluded: null,
    stopped: false,
    leaving: false,
    lastReport: 0,
    batchesPerMs: null,
    perIteration: null,
    benchedAtMs: null,
    samplesPerMs: null,
    recent: [],
  };
}
