/**
 * How a run whose batches are leased comes to rest, so that its shards can be copied with nothing on its way. Pure.
 *
 * Nobody is given another lease. Whoever has one ends it: all shards have answered its pushes before it reports a batch. What
 * was pushed by those who are gone is fenced: it is over when every server knows the members without them. Then nothing
 * changes on any shard, and whatever has been acknowledged anywhere is in the copies, which are taken after that.
 */
export interface RestFacts {
  /** Names of those who have batches in their hands. */
  readonly working: readonly string[];
  /** Names of listed workers that take no part any more: their pushes would still be taken. */
  readonly unfenced: readonly string[];
  /** Names of servers that do not know the newest members. */
  readonly outdated: readonly string[];
  /** A snapshot that began before is not written yet: it may lack what came since. */
  readonly isCopied: boolean;
  /** Since when no lease is given, and how long that may last, ms. */
  readonly sinceMs: number;
  readonly limitMs: number;
}

export type RestDecision =
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "rest"; readonly reason: string }
  /** Training goes on as before. */
  | { readonly kind: "give_up"; readonly reason: string };

export function decideRest({ working, unfenced, outdated, isCopied, sinceMs, limitMs }: RestFacts): RestDecision {
  const reason = reasonToWait({ working, unfenced, outdated, isCopied });
  if (reason === undefined) return { kind: "rest", reason: "nothing is on its way" };
  if (sinceMs < limitMs) return { kind: "wait", reason };
  return { kind: "give_up", reason: `within ${Math.round(limitMs)} ms: ${reason}` };
}

function reasonToWait(facts: Pick<RestFacts, "working" | "unfenced" | "outdated" | "isCopied">): string | undefined {
  const { working, unfenced, outdated, isCopied } = facts;
  if (working.length > 0) return `${list(working)} to end what is leased`;
  if (unfenced.length > 0) return `a worker in the place of ${list(unfenced)}`;
  if (outdated.length > 0) return `${list(outdated)} to note who takes part`;
  return isCopied ? "the snapshot that is being written" : undefined;
}

/** As many names as a sentence holds. */
function list(names: readonly string[]): string {
  return names.length <= 8 ? names.join(", ") : `${names.slice(0, 8).join(", ")} and ${names.length - 8} more`;
}
