/**
 * The control actor of a worker node: takes part in one run at a time, as the coordinator says.
 *
 * Bounds      One run; a failure is reported at most 60 times; of answers that are owed, the newest asker's. A handler
 *             waits for one thing only: the end of a run, at most a second.
 * Invariants
 *   W1  Every command may come again, and has the same effect as once.
 *   W2  A failure of this actor loses no run: what it holds outlives a restart of the behaviour.
 */
import type { ActorOptions, BehaviorFactory } from "@shoal/actors";
import { acceptorOf, workerCommandSchema } from "@shoal/protocol";
import { handleCommand } from "./handle-command.ts";
import { handleEvent } from "./handle-event.ts";
import type { NodeMessage, NodeState } from "./node-state.ts";

/** @param state kept by the caller, so that it outlives a restart (W2) */
export function createWorkerNode(state: NodeState): BehaviorFactory<NodeMessage> {
  return (context) => (message) => {
    switch (message.type) {
      case "start_run":
      case "assign_work":
      case "finish_run":
      case "stop_run":
      case "save_slots":
      case "describe_work":
      case "read_rounds":
        return handleCommand(state, message, context.self);
      default:
        return handleEvent(state, message, context);
    }
  };
}

/** How the control actor is run: over the bus it takes the coordinator's commands and nothing else. */
export const workerNodeOptions: ActorOptions<NodeMessage> = {
  capacity: 256,
  accepts: acceptorOf(workerCommandSchema),
  isControl: (message) => message.type === "stop_run" || message.type === "node_closing",
};
