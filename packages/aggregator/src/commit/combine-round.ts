/** Combines what a round commits, under the task's rules of now. */
import type { Clock } from "@shoal/actors";
import { createRandomBits, systemRandomBytes, type RandomBits } from "@shoal/federated";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import type { Room } from "../serve/room.ts";
import type { AggregatorSettings } from "../settings.ts";
import { combine, type CombinePlan, type Combined } from "./combine.ts";
import type { ClientSteps } from "./contribution-facts.ts";

export type { Combined } from "./combine.ts";

/** @param work - [size] gradient is overwritten with −Δ, where anything was contributed */
export async function combineRound(
  { settings, keeper, codecs, values, clock }: Room,
  contributions: readonly StoredContribution[],
  work: { readonly version: number; readonly parameters: Float32Array; readonly gradient: Float32Array },
): Promise<Combined> {
  const { policy, robust, sampleCap } = settings;
  const { clip } = keeper.record.lasting;
  const plan: CombinePlan = {
    ...{ policy, robust, sampleCap, privacy: privacyOf(settings, clip), local: stepsOf(settings) },
  };
  const { version, parameters, gradient: into } = work;
  const base = { version, parameters, valuesOf: (old: number) => values.valuesOf(old) };
  const pause = createPause(clock);
  const combined = await combine({ plan, base, codecs, into, pause }, contributions);
  if (combined.nextClip !== null && combined.nextClip !== clip) {
    keeper.amend({ lasting: { ...keeper.record.lasting, clip: combined.nextClip } });
  }
  return combined;
}

/** Keys between two pauses: 5 to 10 ms of adding. */
const keysATime = 2 ** 20;

/** @returns to be called with the keys that were gone through; waits now and then, so that clients are answered meanwhile */
function createPause(clock: Clock): (keys: number) => Promise<void> {
  let since = 0;
  return async (keys) => {
    since += keys;
    if (since < keysATime) return;
    since = 0;
    await new Promise<void>((resolve) => void clock.after(0, resolve));
  };
}

export function stepsOf({ local }: AggregatorSettings): ClientSteps {
  return { momentum: local.momentum, proximal: local.proximal * local.learningRate };
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
