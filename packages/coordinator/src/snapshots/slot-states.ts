/**
 * What the computing of a slot keeps from step to step, and where it is saved: pure. It belongs to the slot, whoever computes
 * it, so a snapshot of a synchronous run holds an object a slot, written by the worker that computes it.
 */
import { parseEncodingSpec, parseOptimizerSpec, slotVectors } from "@shoal/optimization";
import { maximumSavedSlots, type JobSpec } from "@shoal/protocol";
import { isSynchronous, slotsOf, type RunState } from "../runs/run-state.ts";

/** Unsent error, the warm factors of power_sgd, or a replica that goes on from its last round. */
export function keepsSlotStates(job: JobSpec): boolean {
  return job.consistency.mode === "synchronous" && keepsStates(job);
}

/** The same in any mode: what belongs to a slot of a step, else to a worker. */
export function keepsStates({ encoding, communication, optimizer }: JobSpec): boolean {
  const push = parseEncodingSpec(encoding.push, "job.encoding.push");
  if (push.name === "auto" || push.name === "power_sgd") return true;
  if (push.name !== "float32" && push.errorFeedback) return true;
  switch (communication.name) {
    case "gradients":
      return false;
    case "easgd":
      return true;
    case "diloco":
      return communication.fragments > 1 || slotVectors(parseOptimizerSpec(optimizer)) > 0;
    default:
      return slotVectors(parseOptimizerSpec(optimizer)) > 0;
  }
}

/** What is saved of a slot with a snapshot. A federated run goes on elsewhere by itself: its slot is never handed over. */
export function savesSlotStates(job: JobSpec): boolean {
  return keepsSlotStates(job) || job.federated !== null;
}

/** Slots whose state is missing in the snapshot under way. A slot whose worker is gone has none: it begins afresh. */
export function missingSlots(run: RunState): readonly number[] {
  const { underWay } = run.snapshots;
  if (underWay === null || !isSynchronous(run) || !savesSlotStates(run.job)) return [];
  return [...run.workers.values()]
    .filter(({ alive, started, excluded }) => alive && started && excluded === null)
    .flatMap(({ member }) => slotsOf(run, member))
    .filter((slot) => !underWay.slots.has(slot));
}

/** Those of one worker, as many as a message names. */
export function unsavedSlots(run: RunState, member: number): readonly number[] {
  const { underWay } = run.snapshots;
  if (underWay === null || underWay.version === null || underWay.publishingSinceMs !== null) return [];
  if (!savesSlotStates(run.job)) return [];
  return slotsOf(run, member)
    .filter((slot) => !underWay.slots.has(slot))
    .slice(0, maximumSavedSlots);
}
