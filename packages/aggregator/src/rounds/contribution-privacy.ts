/**
 * What contributions cost with local privacy, where each client adds its noise itself: what leaves a client costs that client,
 * whether it counts then or not, and whether it has come here.
 *
 * A client makes one contribution in a round at most. It costs when the client hears that it is in the round, at which moment it
 * stands in the store; the run's account is one ahead, from before the round begins. Who goes on in the cluster goes on with
 * every client's number; who has nothing but the account, or a log, takes the greatest for all.
 */
import { beginCounts, countContribution, decideBudget, emptyLedger, mostContributions } from "@shoal/federated";
import type { Room } from "../serve/room.ts";
import { membersOf } from "../serve/round-offer.ts";
import { accountingOf, afterOneMore } from "./privacy-ledger.ts";

/**
 * Counts what a client that says it takes part may send, to be written with the answer to it.
 * @returns false where its contributions would come to more than was promised
 */
export function payForContribution({ settings, keeper }: Room, client: string): boolean {
  const accounting = accountingOf(settings);
  const { lasting, round } = keeper.record;
  if (settings.localPrivacy === null || accounting === undefined) return true;
  // Who has said so before, and asks again, makes the same contribution.
  if (!membersOf(round).some((each) => each.client === client && each.status === "offered")) return true;
  const ledger = lasting.ledger ?? emptyLedger();
  const counts = countContribution(lasting.counts ?? beginCounts(ledger.rounds), client);
  if (mostContributions(counts) <= ledger.rounds) {
    keeper.amend({ lasting: { ...lasting, ledger, counts } });
    return true;
  }
  const decision = decideBudget(ledger, accounting.mechanism, accounting.budget, accounting.what);
  if (decision.kind === "stop") return false;
  keeper.amend({ lasting: { ...lasting, ledger: decision.ledger, counts } });
  return true;
}

/** Settles when a round may be begun: what its contributions can come to is known for good. @throws ShoalError as `afterOneMore` */
export async function payAhead({ settings, keeper, account }: Room): Promise<void> {
  if (settings.localPrivacy === null) return;
  const ledger = afterOneMore({ settings, keeper });
  if (ledger !== null) await account.spent(ledger);
}
