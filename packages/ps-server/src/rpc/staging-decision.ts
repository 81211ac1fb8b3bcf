/** Whether a contribution that arrives may take a region of its shard now. */

/** What the shard will do with it: see `ShardAdmission`. */
export type StagingVerdict = "next" | "later" | "discard";

export type StagingDecision =
  | { readonly kind: "take"; readonly reason: string }
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "discard"; readonly reason: string };

/**
 * One region beyond `slots` is kept for the contribution that is folded next: it never waits for one that is folded
 * after it, whatever the order of arrival. Since workers send their contributions one after the other, in
 * the order of clocks and slots, the first contribution that some shard has not folded is next on every shard that lacks
 * it, and nothing stands before it in its stream: it is never held up, so every step ends.
 *
 * @param used - regions that hold a contribution or are being filled
 */
export function decideStaging(verdict: StagingVerdict, used: number, slots: number): StagingDecision {
  if (verdict === "discard") return { kind: "discard", reason: "the shard will not use the gradient" };
  const available = verdict === "next" ? slots + 1 : slots;
  if (used < available) return { kind: "take", reason: `${used} of ${available} regions are taken` };
  return { kind: "wait", reason: `all ${available} regions for incoming gradients are taken` };
}
