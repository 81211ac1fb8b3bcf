/**
 * Makes one update of the contributions that a round commits: by its policy, by a robust rule, or with noise.
 *
 * What comes out is a pseudo-gradient, −Δ: the servers' optimiser takes it as it takes a gradient (Reddi et al., ICLR 2021).
 */
import {
  combineRobustly,
  createAggregator,
  createPrivateRound,
  localAccumulation,
  squaredNormOf,
  addScaled,
  type ChunkSource,
  type Contribution,
  type PrivateRoundPlan,
  type RandomBits,
  type ResolvedAggregationPolicy,
  type ResolvedRobustRule,
} from "@shoal/federated";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import type { VectorCodecs } from "../values/vector-codecs.ts";

export interface CombinePlan {
  readonly policy: ResolvedAggregationPolicy;
  /** null: the policy's weighted mean. */
  readonly robust: ResolvedRobustRule | null;
  /** Of the clients' steps: momentum, and learning rate times μ. */
  readonly local: { readonly momentum: number; readonly proximal: number };
  /** Central differential privacy: all count alike, clipped, with noise. */
  readonly privacy: { readonly plan: PrivateRoundPlan; readonly random: RandomBits } | null;
}

export interface Combined {
  readonly samples: number;
  /** Mean loss of the contributors, weighted by samples. */
  readonly loss: number;
  /** With differential privacy: what the next round clips to. */
  readonly nextClip: number | null;
  readonly clipped: number;
}

/**
 * @param version - of the values that the update is for
 * @param into - [codecs.size] float32; overwritten with −Δ
 * @throws ShoalError too_few_clients - for the robust rule; codec_failed
 */
export async function combine(
  plan: CombinePlan,
  contributions: readonly StoredContribution[],
  version: number,
  codecs: VectorCodecs,
  into: Float32Array,
): Promise<Combined> {
  const figures = figuresOf(contributions);
  if (plan.privacy !== null) return { ...figures, ...combinePrivately(plan.privacy, contributions, codecs, into) };
  if (plan.robust !== null) {
    const weights = contributions.map(({ offer }) => offer.samples);
    const outcome = await combineRobustly(plan.robust, sourceOf(contributions, codecs), into, { weights });
    negate(into);
    return { ...figures, nextClip: null, clipped: outcome.clipped.length };
  }
  const aggregator = createAggregator(plan.policy, codecs.size, version);
  const update = new Float32Array(codecs.size);
  for (const { offer, content } of contributions) {
    codecs.decode(offer.encoding, content, update);
    aggregator.offer(factsOf(plan, offer, update), [{ begin: 0, values: update }]);
  }
  aggregator.read(0, into, -1);
  return { ...figures, nextClip: null, clipped: 0 };
}

function factsOf(
  { policy, local }: CombinePlan,
  { client, baseVersion, samples, loss, steps }: StoredContribution["offer"],
  update: Float32Array,
): Contribution {
  const norm = policy.name === "qfedavg" ? Math.sqrt(squaredNormOf(update)) : undefined;
  const accumulation = policy.name === "fednova" ? localAccumulation({ steps, ...local }) : undefined;
  return { client, baseVersion, samples, loss, norm, accumulation };
}

function combinePrivately(
  { plan, random }: NonNullable<CombinePlan["privacy"]>,
  contributions: readonly StoredContribution[],
  codecs: VectorCodecs,
  into: Float32Array,
): Pick<Combined, "nextClip" | "clipped"> {
  const round = createPrivateRound(plan, random);
  const sum = new Float64Array(codecs.size);
  const update = new Float32Array(codecs.size);
  for (const { offer, content } of contributions) {
    codecs.decode(offer.encoding, content, update);
    const scale = round.admit(Math.sqrt(squaredNormOf(update)));
    addScaled(sum, update, scale);
  }
  round.finishChunk(sum);
  for (let key = 0; key < sum.length; key += 1) into[key] = -(sum[key] ?? 0);
  return round.close();
}

/** What is float32 is read where it lies; the rest is decoded once. */
function sourceOf(contributions: readonly StoredContribution[], codecs: VectorCodecs): ChunkSource {
  const { size } = codecs;
  const updates = contributions.map(({ offer, content }) => {
    if (offer.encoding === "float32" && content.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0) {
      return new Float32Array(content.buffer, content.byteOffset, size);
    }
    const update = new Float32Array(size);
    codecs.decode(offer.encoding, content, update);
    return update;
  });
  const none = new Float32Array();
  return {
    clients: updates.length,
    size,
    read: (client, begin, end) => (updates[client] ?? none).subarray(begin, end),
  };
}

function negate(values: Float32Array): void {
  for (let key = 0; key < values.length; key += 1) values[key] = -(values[key] ?? 0);
}

function figuresOf(contributions: readonly StoredContribution[]): Pick<Combined, "samples" | "loss"> {
  const samples = contributions.reduce((sum, { offer }) => sum + offer.samples, 0);
  const loss = contributions.reduce((sum, { offer }) => sum + offer.samples * offer.loss, 0) / Math.max(1, samples);
  return { samples, loss };
}
