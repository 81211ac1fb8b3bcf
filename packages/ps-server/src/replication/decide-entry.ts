/**
 * What a copy does with an entry that it is sent: a pure decision.
 *
 * Two copies with the same (index, term in which that entry was made) have the same history, because one primary alone
 * makes the entries of a term, and each follows the one before it (the log matching of Ongaro and Ousterhout, ATC 2014;
 * PacificA reconciles its prepared lists with the same effect).
 */
export interface EntryFacts {
  readonly known: {
    /** Highest term that the copy knows. */
    readonly term: number;
    /** The newest entry that it has, and the term under which that one was made. */
    readonly index: number;
    readonly madeIn: number;
    /** Term under which its entry of the same index as `entry` was made; undefined when there is none, or forgotten. */
    readonly madeInThere: number | undefined;
  };
  readonly isPrimary: boolean;
  readonly entry: {
    readonly term: number;
    readonly index: number;
    readonly madeIn: number;
    readonly previousMadeIn: number;
  };
}

export type EntryDecision =
  | { readonly kind: "apply"; readonly reason: string }
  /** It is here already. */
  | { readonly kind: "repeated"; readonly reason: string }
  /** `index`: after which entry the copy could go on; 0 for none. */
  | { readonly kind: "gap"; readonly index: number; readonly reason: string }
  | { readonly kind: "stale_term"; readonly reason: string };

export function decideEntry({ known, isPrimary, entry }: EntryFacts): EntryDecision {
  if (entry.term < known.term) {
    return { kind: "stale_term", reason: `term ${entry.term} is over, term ${known.term} has begun` };
  }
  if (isPrimary && entry.term === known.term) {
    return { kind: "stale_term", reason: `this copy is the primary's of term ${known.term}` };
  }
  if (entry.index > known.index + 1) {
    return { kind: "gap", index: known.index, reason: `entry ${entry.index} comes after entry ${known.index}` };
  }
  if (entry.index === known.index + 1) {
    if (entry.previousMadeIn === known.madeIn) return { kind: "apply", reason: "it is the next entry" };
    const reason = `entry ${known.index} was made in term ${known.madeIn}, the primary's in term ${entry.previousMadeIn}`;
    return { kind: "gap", index: 0, reason };
  }
  if (entry.madeIn === known.madeInThere) return { kind: "repeated", reason: `entry ${entry.index} is here` };
  const reason = `entry ${entry.index} is of term ${entry.madeIn}, what is here of term ${known.madeInThere ?? "unknown"}`;
  return { kind: "gap", index: 0, reason };
}
