/** Makes a queued run start: fixes its slots, places its shards, enrols its workers. */
import { layoutOf, parseModelSpec } from "@shoal/models";
import { contributionSamples, sizeOf, type Placement, type ShardAssignment } from "@shoal/protocol";
import type { Member } from "../membership/membership.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { toHolder } from "../seats/advance-seats.ts";
import { firstSeats } from "../seats/first-seats.ts";
import { withSeatedServers } from "../seats/run-seats.ts";
import { encodedPart } from "../placement/encoded-part.ts";
import { parameterUpdates, updatesWithin } from "../placement/parameter-updates.ts";
import { placeShards } from "../placement/placement.ts";
import { refreshRoster } from "./roster.ts";
import { firstCuts } from "./step-cuts.ts";
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
  term: number,
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
  const placed = placeShards(run.parameterCount, run.job.shards, cuts, candidates, term);
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
    seats: firstSeats(placement, copies, members.servers.map(toHolder)),
    seatTerm: term,
    workers,
    slots: hasSlots(run) ? (run.job.slots ?? workers.size) : 1,
  };
  const stepCuts =
    run.job.stragglers.adaptiveBatch && isSynchronous(run)
      ? firstCuts(started.slots, contributionSamples(run.job), now)
      : null;
  return refreshRoster(withSeatedServers({ ...started, stepCuts }));
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
    lastReport: 0,
    batchesPerMs: null,
    perIteration: null,
    benchedAtMs: null,
    samplesPerMs: null,
    recent: [],
  };
}

/** Slots that a worker computes, ascending. */
export function slotsOf(run: RunState, member: number): readonly number[] {
  if (!hasSlots(run)) return [];
  return run.roster.slotOwners.flatMap((owner, slot) => (owner === member ? [slot] : []));
}
