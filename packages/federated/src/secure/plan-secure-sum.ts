/** From what a job says of secure sums to what server and clients do: refuses what cannot be kept before anybody trains. */
import { ShoalError } from "@shoal/errors";
import { noiseForBudget } from "../privacy/calibration.ts";
import type { PrivacyBudget } from "../privacy/privacy-budget.ts";
import type { ResolvedPrivacySpec } from "../privacy/privacy-spec.ts";
import { graphParameters } from "./graph-parameters.ts";
import { latticeNoiseMultiplier, latticeNoiseVariance, planLattice } from "./lattice.ts";
import { maximumClients } from "./messages.ts";
import type { SecureTask } from "./secure-task.ts";

export interface SecureRounds {
  /** Elements of an update. */
  readonly size: number;
  /** Rounds of the job, for noise that lasts. */
  readonly rounds: number;
  /** Fewest clients in a sum, and most. */
  readonly minimum: number;
  readonly invited: number;
}

export interface PlannedSecureSum {
  readonly task: SecureTask;
  readonly stageTimeoutMs: number;
  /** What the accountant is told of a round; null: sums are exact. */
  readonly noise: { readonly noiseMultiplier: number; readonly budget: PrivacyBudget } | null;
}

type SecureSum = Extract<ResolvedPrivacySpec, { readonly name: "secure_sum" }>;

/** A thousandth more noise than is needed, for a search that ends soon. */
const tolerance = 1e-3;

/** @throws ShoalError invalid_argument - names the field; too_few_clients */
export function planSecureSum(spec: SecureSum, rounds: SecureRounds): PlannedSecureSum {
  const { clip, levels, weightCap, curve, adversarialShare, dropOutShare, server, stageSeconds } = spec;
  const { minimum, invited } = rounds;
  if (minimum < 3 || invited > maximumClients) {
    const sentence = `a secure sum has 3 to ${maximumClients} clients; these rounds have ${minimum} to ${invited}`;
    throw invalid("privacy.name", sentence);
  }
  const threat = { adversarialShare, dropOutShare, server };
  checkGraph(threat, rounds);
  const noise = noiseOf(spec, rounds);
  const lattice = { clip, levels, weightCap, clients: invited, noiseVariance: noise?.variance ?? 0 };
  const planned = planLattice(lattice);
  const task: SecureTask = { curve, minimumClients: minimum, threat, lattice };
  const stageTimeoutMs = 1000 * stageSeconds;
  if (noise === null) return { task, stageTimeoutMs, noise };
  const noiseMultiplier = latticeNoiseMultiplier(planned, rounds.size, noise.contributors);
  return { task, stageTimeoutMs, noise: { noiseMultiplier, budget: noise.budget } };
}

function checkGraph(threat: SecureTask["threat"], { minimum, invited }: SecureRounds): void {
  try {
    for (const clients of [minimum, invited]) graphParameters(clients, threat);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid("privacy.dropOutShare", error.message);
  }
}

interface ChosenNoise {
  readonly variance: number;
  readonly contributors: number;
  readonly budget: PrivacyBudget;
}

/** Noise is counted on from the fewest honest clients that a sum may have: the others may leave theirs out, or tell it. */
function noiseOf(spec: SecureSum, { minimum, invited, rounds, size }: SecureRounds): ChosenNoise | null {
  const { epsilon, delta, levels, weightCap, adversarialShare } = spec;
  if (epsilon === null && delta === null && spec.noiseMultiplier === null) return null;
  if (epsilon === null || delta === null) throw invalid("privacy.epsilon", "expected epsilon and delta, or neither");
  if (weightCap !== 1) throw invalid("privacy.weightCap", "expected 1 with noise, where all clients count alike");
  const contributors = minimum - Math.floor(adversarialShare * invited);
  if (contributors < 1) {
    const sentence = `${minimum} clients may all be adversarial, of ${invited} with a share of ${adversarialShare}`;
    throw invalid("privacy.adversarialShare", sentence);
  }
  const budget = { epsilon, delta };
  const sampling = { samplingRate: 1, sampling: "none" } as const;
  const multiplier = spec.noiseMultiplier ?? noiseForBudget(budget, rounds, sampling, { tolerance });
  return { variance: latticeNoiseVariance(multiplier, { levels, size, contributors }), contributors, budget };
}

const invalid = (field: string, sentence: string): ShoalError =>
  new ShoalError("invalid_argument", `${field}: ${sentence}`, { field });
