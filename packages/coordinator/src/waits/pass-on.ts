/** Passes a question about a run's log on to the worker that is asked: the coordinator knows where it is, and keeps nothing. */
import { tryTell, type ActorSystem } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { ReadRounds, WorkerCommand } from "@shoal/protocol";
import type { ClusterState } from "../cluster-state.ts";

export function passOn(system: ActorSystem, { membership }: ClusterState, question: ReadRounds): void {
  const { run, worker, replyTo } = question;
  const found = [...membership.members.values()].find(
    ({ name, role, alive }) => alive && role === "worker" && name === worker,
  );
  if (found !== undefined) {
    tryTell(system.ref<WorkerCommand>(found.control), question);
    return;
  }
  const error = new ShoalError("not_a_member", `${worker} is no worker of the cluster that is alive`, { node: worker });
  tryTell(replyTo, { type: "rounds_not_read", run, error: error.toJSON() });
}
