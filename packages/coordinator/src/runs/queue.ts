/** The queue: runs start one at a time, in the order of their submission, when the members they need are there. */
import { counted } from "@shoal/errors";
import { readyMembers, type MembershipState } from "../membership/membership.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { desiredCommands } from "../commands/desired-commands.ts";
import { hasEnded, isUnderWay, type RunState } from "./run-state.ts";
import type { StartMembers } from "./start-run.ts";

export type QueueDecision =
  | { readonly kind: "empty" }
  /** The head of the queue can start on these members. */
  | { readonly kind: "start"; readonly run: string; readonly members: StartMembers; readonly reason: string }
  /** The head waits, behind another run or for members. */
  | { readonly kind: "wait"; readonly run: string; readonly forMembers: boolean; readonly reason: string }
  /** It has waited too long for members. */
  | { readonly kind: "give_up"; readonly run: string; readonly reason: string };

/** @param runs in the order of their submission */
export function decideQueue(
  runs: readonly RunState[],
  membership: MembershipState,
  now: number,
  settings: CoordinatorSettings,
): QueueDecision {
  const head = runs.find((run) => run.phase === "queued");
  if (head === undefined) return { kind: "empty" };
  const { run } = head;
  const busy = runs.find((each) => isUnderWay(each) || (hasEnded(each) && desiredCommands(each, settings).length > 0));
  if (busy !== undefined) {
    const state = hasEnded(busy) ? "being cleaned up" : busy.phase;
    return { kind: "wait", run, forMembers: false, reason: `waiting for run ${busy.run}, which is ${state}` };
  }
  if (head.origin?.kind === "wanted") {
    const reason = `looking for its newest snapshot, because ${head.origin.because}`;
    return { kind: "wait", run, forMembers: false, reason };
  }
  if (desiredCommands(head, settings).length > 0) {
    const reason = `waiting until attempt ${head.attempt - 1} is cleaned up`;
    return { kind: "wait", run, forMembers: false, reason };
  }
  const workers = readyMembers(membership, "worker");
  const servers = readyMembers(membership, "server");
  // Begun again, it goes on with whoever is there: its slots are known.
  const wanted = head.origin === null ? (head.job.workers ?? 1) : 1;
  if (workers.length >= wanted && servers.length >= 1) {
    const reason = `starting on ${counted(workers.length, "worker")} and ${counted(servers.length, "server")}`;
    return { kind: "start", run, members: { workers, servers }, reason };
  }
  const missing = [
    workers.length < wanted
      ? `${counted(wanted - workers.length, "more worker")} (${workers.length} of ${wanted})`
      : "",
    servers.length < 1 ? "a server (none is alive)" : "",
  ].filter((part) => part !== "");
  const reason = `waiting for ${missing.join(" and ")}`;
  const waitedMs = head.headAtMs === null ? 0 : now - head.headAtMs;
  if (waitedMs >= settings.gatherTimeoutMs) return { kind: "give_up", run, reason };
  return { kind: "wait", run, forMembers: true, reason };
}
