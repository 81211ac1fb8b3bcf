/**
 * What rounds cost of the clients' privacy, and whether there is enough left.
 *
 * A round costs when its update may leave, whether it is committed then or not: that it was begun tells nobody anything. The
 * ledger is in the store, and beside the run's snapshots, before the noise is drawn: a round that is put together again, by
 * another aggregator or after the run has gone back to a snapshot, costs again.
 */
import { ShoalError } from "@shoal/errors";
import {
  decideBudget,
  epsilonOf,
  spend,
  type PrivacyLedger,
  type RoundMechanism,
  type RoundPlan,
} from "@shoal/federated";
import type { LastingState } from "../keeper/task-record.ts";
import type { Room } from "../serve/room.ts";
import type { AggregatorSettings, CentralPrivacy } from "../settings.ts";

/**
 * The ledger with one round more.
 * @returns null without central privacy
 * @throws ShoalError privacy_budget_spent
 */
export function afterOneMore({ settings, keeper }: Pick<Room, "settings" | "keeper">): PrivacyLedger | null {
  const { privacy, plan } = settings;
  const { ledger } = keeper.record.lasting;
  if (privacy === null || ledger === null) return null;
  const decision = decideBudget(ledger, mechanismOf(privacy, plan), privacy.budget);
  if (decision.kind === "go") return decision.ledger;
  const details = { epsilon: privacy.budget.epsilon, wouldBe: decision.wouldBe };
  throw new ShoalError("privacy_budget_spent", decision.reason, details);
}

/** Settles when the round is paid for. @throws ShoalError privacy_budget_spent; cancelled, stale_term; store_unavailable */
export async function payForUpdate({ settings, keeper, account }: Room): Promise<void> {
  const ledger = afterOneMore({ settings, keeper });
  if (ledger === null) return;
  keeper.amend({ lasting: { ...keeper.record.lasting, ledger } });
  await keeper.written();
  // The store has its cluster's end.
  await account.spent(ledger);
}

/** What a log says that rounds have cost, with the one that may have been paid for and not written down any more. */
export function withUnlogged(ledger: PrivacyLedger, { privacy, plan }: AggregatorSettings): PrivacyLedger {
  return privacy === null ? ledger : spend(ledger, mechanismOf(privacy, plan));
}

function mechanismOf({ noiseMultiplier, population, coins }: CentralPrivacy, plan: RoundPlan): RoundMechanism {
  if (coins !== undefined) return { noiseMultiplier, samplingRate: coins.chance, sampling: "poisson" };
  if (population === null) return { noiseMultiplier, samplingRate: 1, sampling: "none" };
  return { noiseMultiplier, samplingRate: Math.min(1, plan.invited / population), sampling: "fixed_size" };
}

/** ε of all rounds so far; null without central privacy, and where there is no bound. */
export function spentSoFar({ privacy }: AggregatorSettings, { ledger }: LastingState): number | null {
  if (privacy === null || ledger === null) return null;
  const { epsilon } = epsilonOf(ledger, privacy.budget.delta);
  return Number.isFinite(epsilon) ? epsilon : null;
}
