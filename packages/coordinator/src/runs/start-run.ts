/** Makes a queued run start: fixes its slots, places its shards, enrols its workers. */
import { layoutOf, parseModelSpec } from "@shoal/models";
import { contributionSamples, sizeOf, type ShardAssignment } from "@shoal/protocol";
import type { Member } from "../membership/membership.ts";
import { encodedPart } from "../placement/encoded-part.ts";
import { parameterUpdates, updatesWithin } from "../placement/parameter-updates.ts";
import { placeShards } from "../placement/placement.ts";
import { refreshRoster } from "./roster.ts";
import { firstCuts } from "./step-cuts.ts";
import { hasSlots, isSynchronous, type RunServer, type RunState, type RunWorker } from "./run-state.ts";

export interface StartMembers {
  /** At least one. */
  readonly workers: readonly Member[];
  /** At least one. */
  readonly servers: readonly Member[];
}

export function startRun(run: RunState, members: StartMembers, term: number, now: number): RunState {
  const candidates = members.servers.map(({ member, name, endpoint }) => ({
    member,
    name,
    endpoint: endpoint ?? name,
  }));
  const layout = layoutOf(parseModelSpec(run.job.model));
  const { treatments, ranges, cuts } = parameterUpdates(run.job, layout);
  const placed = placeShards(run.parameterCount, run.job.shards, cuts, candidates, term);
  const placement = {
    ...placed,
    shards: placed.shards.map((shard) => ({ ...shard, ...encodedPart(run.job, layout, shard) })),
  };
  const servers = members.servers.flatMap((server): RunServer[] => {
    const shards = placement.shards
      .filter((shard) => shard.node === server.name && sizeOf(shard) > 0)
      .map(({ shard, begin, end, encoding }): ShardAssignment => ({
        ...{ shard, begin, end, ...(encoding !== undefined && { encoding }) },
        updates: updatesWithin(ranges, { begin, end }),
      }));
    return shards.length === 0 ? [] : [newServer(server, shards)];
  });
  const workers = new Map(members.workers.map((worker) => [worker.member, newWorker(worker, true)]));
  const started: RunState = {
    ...run,
    phase: "starting",
    reason: "",
    startedAtMs: now,
    progressAtMs: now,
    placement,
    treatments,
    servers,
    workers,
    slots: hasSlots(run) ? (run.job.slots ?? workers.size) : 1,
  };
  const stepCuts =
    run.job.stragglers.adaptiveBatch && isSynchronous(run)
      ? firstCuts(started.slots, contributionSamples(run.job), now)
      : null;
  return refreshRoster({ ...started, stepCuts });
}

function newServer(member: Member, shards: readonly ShardAssignment[]): RunServer {
  return {
    member: member.member,
    incarnation: member.incarnation,
    name: member.name,
    alive: true,
    shards,
    invitedRevision: null,
    hosted: false,
    confirmedRevision: 0,
    released: false,
  };
}

/** @param initial it was there at the start of the run */
export function newWorker(member: Member, initial: boolean): RunWorker {
  return {
    member: member.member,
    incarnation: member.incarnation,
    name: member.name,
    alive: true,
    initial,
    invitedRevision: null,
    started: false,
    confirmedRevision: 0,
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
