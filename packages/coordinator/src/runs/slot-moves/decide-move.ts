/**
 * What becomes of a slot that another worker is to compute, when slots keep something from step to step: pure.
 *
 * Nothing waits for a slot that stays. Who has it gives it up between two steps, of its own accord: the decision here is whether
 * it is asked to, and what happens when it cannot.
 */

export interface MoveFacts {
  /** False: slots keep nothing, and any worker computes them alike. */
  readonly keeps: boolean;
  /** The worker that computes it: it was never told to begin, or it takes part, or not any more. */
  readonly owner: "unbegun" | "there" | "gone";
  /** The owner wants to go. */
  readonly isLeaving: boolean;
  /** Who is to compute it. */
  readonly target: "owner" | "another" | "nobody";
  /** What it keeps was saved when its owner gave it up. */
  readonly isSaved: boolean;
  /** The place did not take what a slot keeps a short while ago. */
  readonly isRefused: boolean;
}

export interface MoveDecision {
  /** `ask`: its owner is to give it up; it stays until then. */
  readonly kind: "stay" | "ask" | "move";
  /** What it kept is lost with it. */
  readonly afresh: boolean;
  readonly reason: string;
}

export function decideMove(facts: MoveFacts): MoveDecision {
  const { keeps, owner, isLeaving, target, isSaved, isRefused } = facts;
  const decision = (kind: MoveDecision["kind"], reason: string, afresh = false): MoveDecision => ({
    ...{ kind, afresh, reason },
  });
  if (owner === "gone" && keeps && !isSaved) {
    return decision(target === "another" ? "move" : "stay", "its worker is gone with what it kept", true);
  }
  if (target === "owner") return decision("stay", "it is where it should be");
  if (!keeps) return decision(target === "another" ? "move" : "stay", "it keeps nothing");
  if (owner === "unbegun") return decision(target === "another" ? "move" : "stay", "nobody has computed it here");
  if (isSaved) return decision(target === "another" ? "move" : "stay", "what it keeps is saved");
  if (!isRefused) return decision("ask", "what it keeps is to go with it");
  if (isLeaving && target === "another") return decision("move", "its worker leaves, and no place takes it", true);
  return decision("stay", "no place takes what it keeps");
}
