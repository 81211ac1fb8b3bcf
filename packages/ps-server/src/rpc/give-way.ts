/**
 * Whether a contribution that waits for a region holds itself up.
 *
 * While it waits its stream is not read. A worker that has taken over an earlier slot sends that slot's contribution
 * behind it on the same stream: the one that must go first then waits for the one that must wait. The waiting one is
 * sent back and comes again later, which lets the stream move.
 */
import type { StagingVerdict } from "./staging-decision.ts";

/**
 * @param worker - member that sends the waiting contribution
 * @param frontOwner - member whose contribution is folded next
 * @returns why it has to give way; undefined when it may wait on
 */
export function decideGiveWay(
  verdict: StagingVerdict,
  worker: number,
  frontOwner: number | undefined,
): string | undefined {
  if (verdict !== "later" || worker !== frontOwner) return undefined;
  return "the sender's contribution to an earlier slot goes first and would have to wait behind this one; push it again";
}
