/**
 * What members of a run should be told: the difference between the state that the run wants and what they have
 * confirmed. A command stands in this list until its answer has come, so a lost message is only a delay.
 */
import { revisionAtServers } from "../runs/roster.ts";
import { isGiving } from "../runs/slot-moves/describe-moves.ts";
import { hasEnded, isUnderWay, type RunServer, type RunState, type RunWorker } from "../runs/run-state.ts";
import { unhosted, unseated, unsettledServers } from "../seats/run-seats.ts";
import { unsavedShards } from "../snapshots/advance-snapshots.ts";
import { unsavedSlots } from "../snapshots/slot-states.ts";
import type { CoordinatorSettings } from "../settings.ts";

export type CommandKind =
  | "describe_shards"
  | "host_shards"
  | "seat_shards"
  | "update_run_members"
  | "save_shards"
  | "release_run"
  | "start_run"
  | "assign_work"
  | "save_slots"
  | "finish_run"
  | "stop_run";

export interface DesiredCommand {
  readonly kind: CommandKind;
  readonly member: number;
  readonly incarnation: number;
  readonly name: string;
  /** Same command, same key: what its repetitions are counted by. */
  readonly key: string;
  /** How long it may stay unanswered, ms. */
  readonly timeoutMs: number;
}

export function desiredCommands(run: RunState, settings: CoordinatorSettings): readonly DesiredCommand[] {
  return [
    ...run.servers.filter((server) => server.alive).flatMap((server) => forServer(run, server, settings)),
    ...[...run.workers.values()].filter((worker) => worker.alive).flatMap((worker) => forWorker(run, worker, settings)),
  ];
}

function forServer(run: RunState, server: RunServer, settings: CoordinatorSettings): readonly DesiredCommand[] {
  // Queued, a run has the members of its last attempt.
  if (hasEnded(run) || run.phase === "queued") {
    const untouched = server.invitedRevision === null;
    return server.released || untouched ? [] : [command("release_run", server, "", settings.cleanupTimeoutMs)];
  }
  if (!isUnderWay(run)) return [];
  const { serverTimeoutMs } = settings;
  const commands: DesiredCommand[] = [];
  // By the shards: answers to two hostings that are under way must not be taken for each other's.
  const missing = unhosted(run, server).map(({ shard }) => shard);
  if (missing.length > 0) commands.push(command("host_shards", server, missing.join(","), serverTimeoutMs));
  const outdated = unseated(run, server).map(({ shard, term }) => `${shard}:${term}`);
  if (outdated.length > 0) commands.push(command("seat_shards", server, outdated.join(","), serverTimeoutMs));
  const { servedRevision } = run.roster;
  const isHost = server.known.size > 0;
  if (isHost && server.confirmedRevision < servedRevision) {
    commands.push(command("update_run_members", server, String(servedRevision), serverTimeoutMs));
  }
  const unsaved = unsavedShards(run, server.member, server.incarnation);
  if (unsaved.length > 0) {
    const { snapshot } = run.snapshots.underWay ?? { snapshot: "" };
    commands.push(command("save_shards", server, snapshot, Number.POSITIVE_INFINITY));
  }
  return commands;
}

/** Questions for the vital signs of the shards: asked again when they are due, so one that is lost is no matter. */
export function vitalQuestions(run: RunState): readonly DesiredCommand[] {
  const hosts = run.servers.filter((server) => server.alive && server.known.size > 0);
  return hosts.map((server) => command("describe_shards", server, "", 0));
}

function forWorker(run: RunState, worker: RunWorker, settings: CoordinatorSettings): readonly DesiredCommand[] {
  if (hasEnded(run) || run.phase === "queued" || worker.excluded !== null) {
    const untouched = worker.invitedRevision === null;
    return worker.stopped || untouched ? [] : [command("stop_run", worker, "", settings.cleanupTimeoutMs)];
  }
  if (!isUnderWay(run)) return [];
  if (!worker.started) {
    // Whoever starts finds every shard; at the start of the run every copy is there.
    const isPlaced = unsettledServers(run, run.phase === "starting").length === 0 && !run.awaitsCopies;
    return isPlaced ? [command("start_run", worker, "", settings.startTimeoutMs)] : [];
  }
  const { revision, servedRevision } = run.roster;
  const commands: DesiredCommand[] = [];
  // The servers first: what a worker pushes under a revision must come from someone they know.
  const isOutdated = worker.confirmedRevision < revision;
  if ((isOutdated || isGiving(run, worker.member)) && revisionAtServers(run) >= servedRevision) {
    // What a worker gives up it gives up between two steps, however long these are.
    const timeoutMs = isOutdated ? settings.assignTimeoutMs : Number.POSITIVE_INFINITY;
    commands.push(command("assign_work", worker, String(revision), timeoutMs));
  }
  if (unsavedSlots(run, worker.member).length > 0) {
    const { snapshot } = run.snapshots.underWay ?? { snapshot: "" };
    commands.push(command("save_slots", worker, snapshot, Number.POSITIVE_INFINITY));
  }
  if (run.phase === "finishing" && run.finisher?.member === worker.member) {
    commands.push(command("finish_run", worker, "", settings.finishTimeoutMs));
  }
  return commands;
}

function command(
  kind: CommandKind,
  target: { readonly member: number; readonly incarnation: number; readonly name: string },
  detail: string,
  timeoutMs: number,
): DesiredCommand {
  const { member, incarnation, name } = target;
  return { kind, member, incarnation, name, key: `${kind} ${member}.${incarnation} ${detail}`, timeoutMs };
}
