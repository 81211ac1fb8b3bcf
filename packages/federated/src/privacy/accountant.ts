/**
 * The accountant: Rényi divergences of rounds add up; ε follows from the sum.
 *
 *   ε = min over α of  Σ ρ(α) + ln((α − 1)/α) − (ln δ + ln α)/(α − 1)
 *
 * Sources  Mironov, CSF 2017 (composition); Canonne, Kamath, Steinke, NeurIPS 2020, arXiv 2004.00010, proposition 12
 *          (conversion).
 */
import { defaultOrders, renyiDivergences, type RoundMechanism } from "./renyi-divergence.ts";

/** What has been spent so far: plain data, to be kept with the rounds. */
export interface PrivacyLedger {
  readonly orders: readonly number[];
  /** Σ ρ(α), one for each order; infinite after a round without noise, written as null. */
  readonly divergences: readonly (number | null)[];
  readonly rounds: number;
}

export interface EpsilonAt {
  readonly epsilon: number;
  /** The order that gave the least. */
  readonly order: number;
}

export function emptyLedger(orders: readonly number[] = defaultOrders): PrivacyLedger {
  if (orders.length === 0) throw new RangeError("a ledger needs at least one order");
  return { orders, divergences: orders.map(() => 0), rounds: 0 };
}

/** The ledger after so many rounds of a mechanism more. Borrows `ledger`. */
export function spend(ledger: PrivacyLedger, mechanism: RoundMechanism, rounds = 1): PrivacyLedger {
  if (!Number.isSafeInteger(rounds) || rounds < 0) throw new RangeError(`rounds must be a whole number, got ${rounds}`);
  if (rounds === 0) return ledger;
  const each = divergencesOf(mechanism, ledger.orders);
  const divergences = ledger.divergences.map((spent, i) => {
    const sum = spent === null ? Infinity : spent + rounds * (each[i] ?? Infinity);
    return Number.isFinite(sum) ? sum : null;
  });
  return { orders: ledger.orders, divergences, rounds: ledger.rounds + rounds };
}

interface Known extends RoundMechanism {
  readonly orders: string;
  readonly divergences: readonly number[];
}

let known: Known | undefined;

/** The rounds of a task are alike, and an integral for each order takes milliseconds: what was asked for last is kept. */
function divergencesOf(mechanism: RoundMechanism, orders: readonly number[]): readonly number[] {
  const { noiseMultiplier, samplingRate, sampling } = mechanism;
  const name = orders.join(" ");
  const isKnown =
    known?.noiseMultiplier === noiseMultiplier && known.samplingRate === samplingRate && known.sampling === sampling;
  if (known === undefined || !isKnown || known.orders !== name) {
    known = { noiseMultiplier, samplingRate, sampling, orders: name, divergences: renyiDivergences(mechanism, orders) };
  }
  return known.divergences;
}

/** What the ledger amounts to at this δ; infinite after a round without noise, 0 before the first. */
export function epsilonOf({ orders, divergences, rounds }: PrivacyLedger, delta: number): EpsilonAt {
  if (!(delta > 0 && delta < 1)) throw new RangeError(`delta must be in (0, 1), got ${delta}`);
  let best: EpsilonAt = { epsilon: rounds === 0 ? 0 : Infinity, order: orders[0] ?? 2 };
  if (rounds === 0) return best;
  orders.forEach((order, i) => {
    const epsilon = epsilonAt(order, divergences[i] ?? Infinity, delta);
    if (epsilon < best.epsilon) best = { epsilon, order };
  });
  return best;
}

function epsilonAt(order: number, divergence: number, delta: number): number {
  const conversion = Math.log1p(-1 / order) - (Math.log(delta) + Math.log(order)) / (order - 1);
  return Math.max(0, divergence + conversion);
}
