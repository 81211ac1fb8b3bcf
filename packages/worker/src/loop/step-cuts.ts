/** Which part of a synchronous step each slot has, where that follows the workers' speeds. */
import type { WorkerAssignment } from "@shoal/protocol";
import { orAborted } from "../time/or-aborted.ts";
import type { LoopPorts } from "./training-loop.ts";

/** Samples of each slot in this step; undefined where all slots are alike. */
export function sizesAt({ stepCuts }: WorkerAssignment, step: number): readonly number[] | undefined {
  return stepCuts?.cuts.findLast(({ fromStep }) => fromStep <= step)?.sizes;
}

/** Whether the coordinator has said how this step is cut. */
export function isCut({ board }: Pick<LoopPorts, "board">, step: number): boolean {
  const { stepCuts } = board.current();
  return stepCuts === undefined || step < stepCuts.until;
}

/** Waits until the coordinator has said how this step is cut: it says so long before, while it is there. */
export async function untilCut({ board, signal }: LoopPorts, step: number): Promise<void> {
  while (!isCut({ board }, step)) {
    const { changed, stop } = board.watch(board.current().revision);
    await orAborted(changed, signal, `waiting for the coordinator to cut step ${step}`).finally(stop);
  }
}
