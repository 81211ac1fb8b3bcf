/** Before each round, or each contribution of a client: would it cost more privacy than was promised? */
import { epsilonOf, spend, type PrivacyLedger } from "./accountant.ts";
import type { ClientSampling, RoundMechanism } from "./renyi-divergence.ts";

export interface PrivacyBudget {
  /** Infinity: nothing is ever too much. */
  readonly epsilon: number;
  /** The chance that the promise fails altogether; well below 1 / the number of clients. */
  readonly delta: number;
}

/** What the record of a round says of privacy. */
export interface PrivacySpending {
  /** All rounds so far, this one included. */
  readonly epsilon: number;
  readonly delta: number;
  readonly order: number;
  readonly rounds: number;
  /** What ε stands on. */
  readonly assumption: string;
}

export type BudgetDecision =
  | { readonly kind: "go"; readonly ledger: PrivacyLedger; readonly spending: PrivacySpending; readonly reason: string }
  /** The ledger stays as it is: a round that is not played costs nothing. */
  | { readonly kind: "stop"; readonly wouldBe: number; readonly reason: string };

/**
 * Decides on the next round by what all rounds together would cost. The ledger of `go` is to be kept before noise is drawn
 * for the round: noise that has been drawn once is spent, whether the round is committed or not.
 * @param what - one of what the ledger counts, for the reasons
 */
export function decideBudget(
  ledger: PrivacyLedger,
  next: RoundMechanism,
  budget: PrivacyBudget,
  what = "round",
): BudgetDecision {
  if (!(budget.epsilon > 0)) throw new RangeError(`the budget's epsilon must be positive, got ${budget.epsilon}`);
  const after = spend(ledger, next);
  const { epsilon, order } = epsilonOf(after, budget.delta);
  const round = after.rounds;
  if (!(epsilon <= budget.epsilon)) {
    const reason = `${what} ${round} would bring ε to ${shown(epsilon)} at δ = ${budget.delta}, above the budget of ${budget.epsilon}`;
    return { kind: "stop", wouldBe: epsilon, reason };
  }
  return {
    kind: "go",
    ledger: after,
    spending: { epsilon, delta: budget.delta, order, rounds: round, assumption: assumptionOf(next.sampling) },
    reason: `ε is ${shown(epsilon)} of ${budget.epsilon} at δ = ${budget.delta} with ${what} ${round}`,
  };
}

const shown = (epsilon: number): string => (Number.isFinite(epsilon) ? epsilon.toFixed(4) : "∞");

/** What has to be true of how clients are chosen for ε to hold, in one sentence. */
export function assumptionOf(sampling: ClientSampling): string {
  switch (sampling) {
    case "poisson":
      return "each client takes part by an independent coin of probability q; neighbours differ by one client's presence";
    case "fixed_size":
      return "each set of clients of the round's size is as likely; neighbours differ by one client's data";
    case "none":
      return "nothing is assumed of who takes part; neighbours differ by one client's presence";
  }
}
