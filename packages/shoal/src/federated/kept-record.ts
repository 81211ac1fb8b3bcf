/**
 * Whether a log still goes on from a record whose hash somebody has kept. A chain says nothing of what is missing behind it, and
 * who can write the whole log can write another one: both are found by a hash that they cannot reach.
 */
import type { ChainedRound } from "@shoal/aggregator";
import type { ChainDecision } from "@shoal/federated";

/**
 * @param verified - what `verifyRounds` says of these records
 * @param kept - hash of a record that was the last one once; left out: nothing was kept
 */
export function lookForKept(rounds: readonly ChainedRound[], verified: ChainDecision, kept?: string): ChainDecision {
  if (verified.kind === "broken" || kept === undefined) return verified;
  // Each record holds the hash of the one before it.
  const isThere = verified.head.hash === kept || rounds.some(({ previous }) => previous === kept);
  if (isThere) return verified;
  const reason = `no record has the hash ${kept}: the log was cut off before it, or written anew`;
  return { kind: "broken", index: Math.max(0, rounds.length - 1), reason };
}
