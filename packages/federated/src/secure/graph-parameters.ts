/**
 * How many neighbours a client shares its secrets with (k), and how many of them give a secret back (t), so that with n
 * clients, of which a share is adversarial and a share drops out,
 *
 *   with 1 − 2^−40   the honest clients that stay are connected, and no client has t adversarial neighbours;
 *   with 1 − 2^−20   every client keeps t neighbours that answer.
 *
 *   connected     n·(n − k − 1)/2 · (bad)_k/(n)_k < 2^−41     two gaps of k/2 on the ring, all of bad clients
 *   t₁            least with P[adversarial neighbours > t₁] < 2^−41/n          (hypergeometric)
 *   t₂            least with P[neighbours that stay ≤ t₂] ≥ 2^−20/n
 *   t ∈ (t₁, t₂]  against a curious server; against one that tells neighbours of a client different things ("semi-
 *                 malicious") t > (k + t₁)/2, so that it cannot collect t shares of both of the client's secrets
 *
 * k is the least even number for which there is such a t, t the least of them.
 *
 * Source  Bell, Bonawitz, Gascón, Lepoint, Raykova, CCS 2020, eprint 2020/704; its parameters as google-parfait computes them.
 */
import { agreeing, ShoalError } from "@shoal/errors";
import { logFactorials } from "../privacy/log-space.ts";

export interface ThreatModel {
  /** Share of clients that work with the server. */
  readonly adversarialShare: number;
  /** Share of clients that leave, in all stages together. */
  readonly dropOutShare: number;
  /** What the server does: follow the protocol and look, or also tell clients different things of who dropped out. */
  readonly server: "curious" | "semi_malicious";
}

export interface GraphParameters {
  /** Neighbours of each client: an even number, or n − 1 where everybody is everybody's. */
  readonly degree: number;
  readonly threshold: number;
}

const [securityBits, correctnessBits] = [40, 20];
/** Keeps products like 0.33·100 from being rounded down by one. */
const slack = 1e-14;

/**
 * @param clients - n; more than a thousand belong into several sessions
 * @throws ShoalError too_few_clients - where not even everybody's sharing with everybody is enough
 */
export function graphParameters(clients: number, model: ThreatModel): GraphParameters {
  checkModel(clients, model);
  const logs = logFactorials(clients);
  const adversaries = adversariesAmong(clients, model);
  const staying = Math.ceil((1 - model.dropOutShare - slack) * clients);
  const leaving = Math.floor((model.dropOutShare + slack) * clients);
  for (let degree = 2; degree < clients - 1; degree += 2) {
    if (logDisconnected(clients, degree, adversaries + leaving, logs) >= -(securityBits + 1) * Math.LN2) continue;
    const ofAdversaries = { total: clients, marked: adversaries, drawn: degree, logs };
    const ofStaying = { total: clients, marked: staying, drawn: degree, logs };
    const most = leastWithTailBelow(ofAdversaries, 2 ** -(securityBits + 1) / clients);
    const least = leastWithHeadFrom(ofStaying, 2 ** -correctnessBits / clients);
    const threshold = thresholdWithin(most, least, degree, model);
    if (threshold !== undefined) return { degree, threshold };
  }
  return ofCompleteGraph(clients, adversaries, staying, model);
}

/** Of so many clients how many may be adversarial. */
export function adversariesAmong(clients: number, { adversarialShare }: ThreatModel): number {
  return Math.floor((adversarialShare + slack) * clients);
}

function thresholdWithin(most: number, least: number, degree: number, { server }: ThreatModel): number | undefined {
  const above = server === "semi_malicious" ? Math.ceil((most + degree - 1.25) / 2) : most;
  return least > above ? Math.max(above + 1, 2) : undefined;
}

/** Everybody shares with everybody: nothing is left to chance but who drops out. */
function ofCompleteGraph(clients: number, adversaries: number, staying: number, model: ThreatModel): GraphParameters {
  const degree = clients - 1;
  const threshold = thresholdWithin(adversaries, staying - 1, degree, model);
  if (threshold !== undefined && threshold <= degree) return { degree, threshold };
  const sentence = `${clients} clients are too few: of ${degree} neighbours ${staying - 1} stay, and ${adversaries} may be adversarial`;
  throw new ShoalError("too_few_clients", sentence, { clients, adversaries, staying });
}

function checkModel(clients: number, { adversarialShare, dropOutShare, server }: ThreatModel): void {
  const total = adversarialShare + (server === "semi_malicious" ? 2 : 1) * dropOutShare;
  const isShare = (value: number): boolean => value >= 0 && value < 1;
  if (!Number.isSafeInteger(clients) || clients < 3) {
    throw new ShoalError(
      "too_few_clients",
      `a secure sum needs 3 clients, there ${agreeing(clients, "is", "are")} ${clients}`,
      { clients },
    );
  }
  if (!isShare(adversarialShare) || !isShare(dropOutShare) || total > 0.9 + slack) {
    throw new RangeError(
      `shares of adversaries and drop-outs must leave a tenth, got ${adversarialShare} and ${dropOutShare}`,
    );
  }
}

function logDisconnected(clients: number, degree: number, bad: number, logs: Float64Array): number {
  if (degree > bad) return -Infinity;
  const at = (n: number): number => logs[n] ?? NaN;
  const pairs = Math.log(clients) + Math.log(clients - degree - 1) - Math.LN2;
  return pairs + at(bad) + at(clients - degree) - at(clients) - at(bad - degree);
}

/** How many of the drawn are marked, of `total` of which `marked` are. */
interface Hypergeometric {
  readonly total: number;
  readonly marked: number;
  readonly drawn: number;
  readonly logs: Float64Array;
}

function probability({ total, marked, drawn, logs }: Hypergeometric, x: number): number {
  if (x < 0 || x > drawn || x > marked || drawn - x > total - marked) return 0;
  const choose = (n: number, k: number): number => (logs[n] ?? NaN) - (logs[k] ?? NaN) - (logs[n - k] ?? NaN);
  return Math.exp(choose(marked, x) + choose(total - marked, drawn - x) - choose(total, drawn));
}

/** P[X > t]: summed away from the middle until nothing more comes. */
function tail(law: Hypergeometric, t: number): number {
  let sum = 0;
  for (let x = t + 1; x <= law.drawn; x++) {
    const each = probability(law, x);
    sum += each;
    if (each < sum * 1e-17 && x > (law.drawn * law.marked) / law.total) break;
  }
  return sum;
}

/** P[X ≤ t]. */
function head(law: Hypergeometric, t: number): number {
  return tail({ ...law, marked: law.total - law.marked }, law.drawn - t - 1);
}

function leastWithTailBelow(law: Hypergeometric, bound: number): number {
  return leastWhole(-1, law.drawn, (t) => tail(law, t) < bound);
}

function leastWithHeadFrom(law: Hypergeometric, bound: number): number {
  return leastWhole(0, law.drawn, (t) => head(law, t) >= bound);
}

/** The least whole number in [low, high] from which on it holds; it holds at `high`. */
function leastWhole(low: number, high: number, holds: (value: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
