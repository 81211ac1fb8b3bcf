/** Combines what a round commits, under the task's rules of now. */
import type { Clock } from "@shoal/actors";
import { addScaled, isPrivate, vectorsTogether, vectorWithin } from "@shoal/federated";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import type { SecureSums } from "../secure/secure-sums.ts";
import { secrets } from "../secrets.ts";
import type { Room } from "../serve/room.ts";
import type { AggregatorSettings } from "../settings.ts";
import { byClient, combine, type CombinePlan, type Combined } from "./combine.ts";
import type { ClientSteps } from "./contribution-facts.ts";

export type { Combined } from "./combine.ts";

/** @param work - [size] gradient is overwritten with −Δ, where anything was contributed */
export async function combineRound(
  room: Room,
  contributions: readonly StoredContribution[],
  work: { readonly version: number; readonly parameters: Float32Array; readonly gradient: Float32Array },
): Promise<Combined> {
  const { settings, keeper, codecs, values, clock, secure } = room;
  if (secure !== null) return combineMasked(secure.meanOf(keeper.record.round.number), work.gradient);
  const { policy, robust, sampleCap } = settings;
  const { clip } = keeper.record.lasting;
  const plan: CombinePlan = {
    ...{ policy, robust, sampleCap, privacy: privacyOf(settings, clip), local: stepsOf(settings) },
  };
  const { version, parameters, gradient: into } = work;
  const base = { version, parameters, valuesOf: (old: number) => values.valuesOf(old) };
  const pause = createPause(clock);
  const together = vectorsTogether(settings.local);
  const updates = contributions.map((each) => ({ ...each, content: vectorWithin(each.content, 0, together) }));
  const from = await room.lastUpdate?.of(version);
  const combined = await combine({ plan, base, codecs, into, from, pause }, updates);
  if (combined.contributions > 0) {
    await room.lastUpdate?.keep(
      version + 1,
      into.map((value) => -value),
    );
  }
  const refused = new Set(combined.refused.map(({ client }) => client));
  const folded = contributions.filter(({ offer }) => !refused.has(offer.client));
  await moveControlBy(room, folded, { version, pause });
  if (combined.nextClip !== null && combined.nextClip !== clip) {
    keeper.amend({ lasting: { ...keeper.record.lasting, clip: combined.nextClip } });
  }
  return isPrivate(room.description.privacy) ? { ...combined, ...unknown } : combined;
}

/** Nobody has been told what clients have. */
const unknown = { samples: 0, loss: Number.NaN };

/** SCAFFOLD: the mean of the changes moves c, in float64 and in the order of the clients' names. */
async function moveControlBy(
  { control, codecs }: Room,
  contributions: readonly StoredContribution[],
  { version, pause }: { readonly version: number; readonly pause: (keys: number) => Promise<void> },
): Promise<void> {
  if (control === undefined || contributions.length === 0) return;
  const sum = new Float64Array(codecs.size);
  const change = new Float32Array(codecs.size);
  const sorted = contributions.toSorted(byClient);
  for (const { offer, content } of sorted) {
    codecs.decode(offer.encoding, vectorWithin(content, 1, 2), change);
    addScaled(sum, change, 1);
    await pause(codecs.size);
  }
  for (let key = 0; key < sum.length; key += 1) change[key] = (sum[key] ?? 0) / sorted.length;
  await control.move(version, change, sorted.length);
}

function combineMasked(summed: ReturnType<SecureSums["meanOf"]>, into: Float32Array): Combined {
  const others = { ...unknown, refused: [], nextClip: null, clipped: 0 };
  if (summed === undefined) return { contributions: 0, ...others };
  for (let key = 0; key < into.length; key += 1) into[key] = -(summed.mean[key] ?? 0);
  return { contributions: summed.clients, ...others };
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

/** Clients that a round with noise is divided by, whoever comes: how many did would tell of one of them. */
export function expectedClients({
  privacy,
  secure,
  plan,
}: Pick<AggregatorSettings, "privacy" | "secure" | "plan">): number {
  return secure?.expected ?? privacy?.coins?.expected ?? plan.goal;
}

function privacyOf(settings: AggregatorSettings, clip: number | null): CombinePlan["privacy"] {
  const { privacy } = settings;
  if (privacy === null) return null;
  const { noiseMultiplier, adaptive } = privacy;
  const round = {
    clip: clip ?? privacy.clip,
    noiseMultiplier,
    expectedClients: expectedClients(settings),
    adaptive: adaptive ?? undefined,
  };
  return { plan: round, random: secrets(), isEmptyToo: privacy.coins !== undefined };
}
