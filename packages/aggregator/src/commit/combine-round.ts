/** Combines what a round commits, under the task's rules of now. */
import { createRandomBits, systemRandomBytes, type RandomBits } from "@shoal/federated";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import type { Room } from "../serve/room.ts";
import type { AggregatorSettings } from "../settings.ts";
import { combine, type CombinePlan, type Combined } from "./combine.ts";

export type { Combined } from "./combine.ts";

/** @param work - [size] gradient is overwritten with −Δ */
export async function combineRound(
  { settings, keeper, codecs }: Room,
  contributions: readonly StoredContribution[],
  work: { readonly version: number; readonly gradient: Float32Array },
): Promise<Combined> {
  const { policy, robust, local } = settings;
  const { clip } = keeper.record.lasting;
  const plan: CombinePlan = {
    ...{ policy, robust, privacy: privacyOf(settings, clip) },
    local: { momentum: local.momentum, proximal: local.proximal * local.learningRate },
  };
  const combined = await combine(plan, contributions, work.version, codecs, work.gradient);
  if (combined.nextClip !== null && combined.nextClip !== clip) {
    keeper.amend({ lasting: { ...keeper.record.lasting, clip: combined.nextClip } });
  }
  return combined;
}

function privacyOf({ privacy, plan }: AggregatorSettings, clip: number | null): CombinePlan["privacy"] {
  if (privacy === null) return null;
  const { noiseMultiplier, adaptive } = privacy;
  const round = {
    clip: clip ?? privacy.clip,
    noiseMultiplier,
    expectedClients: plan.goal,
    adaptive: adaptive ?? undefined,
  };
  return { plan: round, random: secrets() };
}

let bits: RandomBits | undefined;

/** Noise that hides people comes from the system's generator, never from a seed. */
function secrets(): RandomBits {
  bits ??= createRandomBits(systemRandomBytes);
  return bits;
}
