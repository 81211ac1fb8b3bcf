/** The least noise that keeps a promise. */
import { emptyLedger, epsilonOf, spend } from "./accountant.ts";
import type { PrivacyBudget } from "./privacy-budget.ts";
import { defaultOrders, type RoundMechanism } from "./renyi-divergence.ts";

/** No training survives more noise; a budget that needs it is as good as none. */
const greatestMultiplier = 2 ** 20;

/**
 * The least noise multiplier with which so many rounds stay within the budget, by bisection; never too small.
 * @param tolerance - relative; the result exceeds the least by at most this
 * @throws RangeError where no noise would do
 */
export function noiseForBudget(
  budget: PrivacyBudget,
  rounds: number,
  { samplingRate, sampling }: Omit<RoundMechanism, "noiseMultiplier">,
  {
    tolerance = 1e-6,
    orders = defaultOrders,
  }: { readonly tolerance?: number; readonly orders?: readonly number[] } = {},
): number {
  const keeps = (noiseMultiplier: number): boolean => {
    const ledger = spend(emptyLedger(orders), { noiseMultiplier, samplingRate, sampling }, rounds);
    return epsilonOf(ledger, budget.delta).epsilon <= budget.epsilon;
  };
  return leastThat(keeps, tolerance, `ε = ${budget.epsilon} over ${rounds} rounds`);
}

/** The least positive number, within the tolerance, from which on `keeps` holds. */
export function leastThat(keeps: (value: number) => boolean, tolerance: number, what: string): number {
  let high = 1;
  while (!keeps(high)) {
    high *= 2;
    if (high > greatestMultiplier) throw new RangeError(`${what}: no noise up to ${greatestMultiplier} is enough`);
  }
  let low = high / 2;
  while (low > 1 / greatestMultiplier && keeps(low)) [low, high] = [low / 2, low];
  while (high - low > tolerance * high) {
    const middle = (low + high) / 2;
    if (keeps(middle)) high = middle;
    else low = middle;
  }
  return high;
}
