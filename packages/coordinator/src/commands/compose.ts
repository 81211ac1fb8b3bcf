/** Puts desired commands into the words of the protocol. */
import type { Ref } from "@shoal/actors";
import {
  synchronousSteps,
  type RunMembers,
  type ServerCommand,
  type ServerReply,
  type WorkerAssignment,
  type WorkerCommand,
  type WorkerReply,
} from "@shoal/protocol";
import { ShoalError } from "@shoal/errors";
import { reasonOf } from "../runs/reason.ts";
import { hasEnded, slotsOf, type RunState } from "../runs/run-state.ts";
import { shardRules } from "../runs/shard-rules.ts";
import { movesOf } from "../runs/slot-moves/describe-moves.ts";
import { unhosted, unseated } from "../seats/run-seats.ts";
import { unsavedShards } from "../snapshots/advance-snapshots.ts";
import { pointOf } from "../snapshots/restart-run.ts";
import { keepsSlotStates, savesSlotStates, unsavedSlots } from "../snapshots/slot-states.ts";
import type { DesiredCommand } from "./desired-commands.ts";

export function runMembers(run: RunState): RunMembers {
  const { servedRevision: revision, members, slotOwners } = run.roster;
  const workers = members.flatMap((number) => {
    const worker = run.workers.get(number);
    return worker === undefined ? [] : [{ member: number, incarnation: worker.incarnation, name: worker.name }];
  });
  return { revision, workers, slotOwners, ...(run.guard.fellBack !== null && { fallBack: true }) };
}

export function assignmentOf(run: RunState, member: number): WorkerAssignment {
  const { revision, initializer } = run.roster;
  const moves = movesOf(run, member);
  const slots = slotsOf(run, member);
  const work = { revision, slots, initialize: initializer === member, ...(moves !== undefined && { moves }) };
  if (run.stepCuts === null) return work;
  const { cuts, until } = run.stepCuts;
  return { ...work, stepCuts: { cuts, until } };
}

export function composeServerCommand(
  run: RunState,
  desired: DesiredCommand,
  replyTo: Ref<ServerReply>,
): ServerCommand | undefined {
  switch (desired.kind) {
    case "host_shards": {
      const { consistency } = run.job;
      // Who computes: in synchronous mode every slot is a replica of its own.
      const initial = [...run.workers.values()].filter((worker) => worker.initial).length;
      const replicas = run.job.consistency.mode === "synchronous" ? run.slots : initial;
      const server = run.servers.find((each) => each.member === desired.member);
      const shards = server === undefined ? [] : unhosted(run, server);
      const term = run.hostingTerm;
      const { slots, treatments } = run;
      const how = { treatments, ...shardRules(run.job, replicas), consistency, slots, encoding: run.job.encoding };
      const { predictedWaiting, backup } = run.job.stragglers;
      const keepFormer = keepsFormer(run);
      const early = { predictedWaiting, backup, ...(keepFormer && { keepFormer }) };
      const members = runMembers(run);
      const { acknowledge } = run.job.durability;
      const snapshot = pointOf(run)?.snapshot;
      const origin = { acknowledge, ...(snapshot !== undefined && { snapshot }) };
      const { member, incarnation } = desired;
      const where = { run: run.run, term, life: { member, incarnation }, shards };
      return { type: "host_shards", ...where, ...how, ...early, ...origin, members, replyTo };
    }
    case "save_shards": {
      const { underWay } = run.snapshots;
      const shards = unsavedShards(run, desired.member, desired.incarnation);
      if (underWay === null || shards.length === 0) return undefined;
      const { snapshot, version } = underWay;
      return { type: "save_shards", run: run.run, snapshot, version, shards, replyTo };
    }
    case "seat_shards": {
      const server = run.servers.find((each) => each.member === desired.member);
      const seats = server === undefined ? [] : unseated(run, server);
      return seats.length === 0 ? undefined : { type: "seat_shards", run: run.run, seats, replyTo };
    }
    case "update_run_members":
      return { type: "update_run_members", run: run.run, members: runMembers(run), replyTo };
    case "describe_shards":
      return { type: "describe_shards", run: run.run, replyTo };
    case "release_run":
      return { type: "release_run", run: run.run, replyTo };
    default:
      return undefined;
  }
}

/**
 * A synchronous step may have reached some shards and not others when its workers die: with one shard it has, or it has not.
 * Steps that are closed early are not computed again.
 */
function keepsFormer({ placement, copies, job: { consistency, durability, stragglers } }: RunState): boolean {
  const closesEarly = stragglers.predictedWaiting || stragglers.backup > 0;
  if (!(durability.formerValues ?? copies > 0)) return false;
  return (placement?.shards.length ?? 0) > 1 && synchronousSteps(consistency) > 0 && !closesEarly;
}

export function composeWorkerCommand(
  run: RunState,
  desired: DesiredCommand,
  replyTo: Ref<WorkerReply>,
  now: number,
): WorkerCommand | undefined {
  const assignment = assignmentOf(run, desired.member);
  switch (desired.kind) {
    case "start_run": {
      const { job, slots, placement } = run;
      if (placement === null) throw new ShoalError("internal", `run ${run.run} starts without a placement`);
      const attempt = run.attempt === 0 ? {} : { attempt: run.attempt };
      const point = pointOf(run);
      const keeps = keepsSlotStates(job) && { keepsSlots: true };
      const saves = savesSlotStates(job);
      const from = saves && point !== undefined && { from: { snapshot: point.snapshot, step: point.step } };
      const begun = { type: "start_run", run: run.run, ...attempt, job, slots, placement, assignment } as const;
      return { ...begun, ...from, ...keeps, replyTo };
    }
    case "save_slots": {
      const { underWay } = run.snapshots;
      const unsaved = unsavedSlots(run, desired.member);
      if (underWay === null || underWay.version === null || unsaved.length === 0) return undefined;
      const { snapshot, version } = underWay;
      return { type: "save_slots", run: run.run, snapshot, version, slots: unsaved, replyTo };
    }
    case "assign_work": {
      // Placements are large: it goes along until the worker has said that it follows it.
      const isMoved = run.seatTerm > (run.workers.get(desired.member)?.placementTerm ?? 0);
      const placed = isMoved && run.placement !== null ? { placement: run.placement } : {};
      return { type: "assign_work", run: run.run, assignment, ...placed, replyTo };
    }
    case "finish_run":
      return { type: "finish_run", run: run.run, replyTo };
    case "stop_run": {
      const reason = run.workers.get(desired.member)?.excluded ?? reasonOf(run, now);
      const attempt = run.phase === "queued" ? run.attempt - 1 : run.attempt;
      const over = attempt === 0 ? {} : { attempt };
      const ended = hasEnded(run) ? { isOver: true } : {};
      return { type: "stop_run", run: run.run, ...over, ...ended, reason: reason.slice(0, 1024), replyTo };
    }
    default:
      return undefined;
  }
}
