/**
 * What rounds cost of the clients' privacy, and whether there is enough left.
 *
 * A round costs when its update may leave, whether it is committed then or not: that it was begun tells nobody anything. The
 * ledger is in the store, and beside the run's snapshots, before the noise is drawn: a round that is put together again, by
 * another aggregator or after the run has gone back to a snapshot, costs again.
 *
 * With local privacy a contribution costs, and its client alone: the ledger is of whichever client made most
 * (`contribution-privacy.ts`), and a round is begun where that one may make one more.
 */
import { ShoalError } from "@shoal/errors";
import {
  contributionOf,
  decideBudget,
  emptyLedger,
  epsilonOf,
  spend,
  type PrivacyBudget,
  type PrivacyLedger,
  type RoundMechanism,
  type RoundPlan,
} from "@shoal/federated";
import type { LastingState, TaskRecord } from "../keeper/task-record.ts";
import type { Room } from "../serve/room.ts";
import type { AggregatorSettings, CentralPrivacy } from "../settings.ts";

export interface Accounting {
  /** What the ledger counts, and what one of it costs. */
  readonly what: string;
  readonly mechanism: RoundMechanism;
  readonly budget: PrivacyBudget;
}

/** undefined: nothing is promised that an accountant could bound. */
export function accountingOf({ privacy, localPrivacy, plan }: AggregatorSettings): Accounting | undefined {
  if (privacy !== null) return { what: "round", mechanism: mechanismOf(privacy, plan), budget: privacy.budget };
  if (localPrivacy === null) return undefined;
  const { budget, delta } = localPrivacy;
  return {
    what: "a client's contribution",
    mechanism: contributionOf(localPrivacy),
    budget: { epsilon: budget ?? Infinity, delta },
  };
}

/**
 * The ledger with one round more, or one contribution of a client.
 * @returns null without differential privacy
 * @throws ShoalError privacy_budget_spent
 */
export function afterOneMore({ settings, keeper }: Pick<Room, "settings" | "keeper">): PrivacyLedger | null {
  const accounting = accountingOf(settings);
  const { ledger } = keeper.record.lasting;
  if (accounting === undefined || ledger === null) return null;
  const { mechanism, budget, what } = accounting;
  const decision = decideBudget(ledger, mechanism, budget, what);
  if (decision.kind === "go") return decision.ledger;
  const details = { epsilon: budget.epsilon, wouldBe: decision.wouldBe };
  throw new ShoalError("privacy_budget_spent", decision.reason, details);
}

/**
 * Settles when the round's update is paid for, where the aggregator's noise hides it.
 * @throws ShoalError privacy_budget_spent; cancelled, stale_term; store_unavailable
 */
export async function payForUpdate({ settings, keeper, account }: Room): Promise<void> {
  if (settings.privacy === null) return;
  const ledger = afterOneMore({ settings, keeper });
  if (ledger === null) return;
  keeper.amend({ lasting: { ...keeper.record.lasting, ledger } });
  await keeper.written();
  // The store has its cluster's end.
  await account.spent(ledger);
}

/** What a log says that rounds have cost, with the one that may have been paid for and not written down any more. */
export function withUnlogged(ledger: PrivacyLedger, settings: AggregatorSettings): PrivacyLedger {
  return ledgerWith(ledger, settings, 1);
}

/** @param more - rounds, or contributions of a client */
export function ledgerWith(ledger: PrivacyLedger, settings: AggregatorSettings, more: number): PrivacyLedger {
  const accounting = accountingOf(settings);
  return accounting === undefined ? ledger : spend(ledger, accounting.mechanism, more);
}

/**
 * The record of a run as this release goes on with it: one before did not count contributions with local privacy, of which a
 * client makes one in a round at most.
 */
export function withLedger(record: TaskRecord, settings: AggregatorSettings): TaskRecord {
  const { lasting, round } = record;
  if (settings.localPrivacy === null || lasting.ledger !== null) return record;
  return { ...record, lasting: { ...lasting, ledger: ledgerWith(emptyLedger(), settings, round.number) } };
}

function mechanismOf({ noiseMultiplier, population, coins }: CentralPrivacy, plan: RoundPlan): RoundMechanism {
  if (coins !== undefined) return { noiseMultiplier, samplingRate: coins.chance, sampling: "poisson" };
  if (population === null) return { noiseMultiplier, samplingRate: 1, sampling: "none" };
  return { noiseMultiplier, samplingRate: Math.min(1, plan.invited / population), sampling: "fixed_size" };
}

/** ε so far; null without differential privacy, and where there is no bound. */
export function spentSoFar(settings: AggregatorSettings, { ledger }: LastingState): number | null {
  const accounting = accountingOf(settings);
  if (accounting === undefined || ledger === null) return null;
  const { epsilon } = epsilonOf(ledger, accounting.budget.delta);
  return Number.isFinite(epsilon) ? epsilon : null;
}
