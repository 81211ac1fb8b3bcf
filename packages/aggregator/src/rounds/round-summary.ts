/** What is told of a round that has ended. */
import { hexOf, isPrivate, sha256, type EndedState, type RoundSummary } from "@shoal/federated";
import type { StoredContribution } from "../contributions/contribution-store.ts";
import { expectedClients } from "../commit/combine-round.ts";
import type { Room } from "../serve/room.ts";
import type { AggregatorSettings } from "../settings.ts";
import { spentSoFar } from "./privacy-ledger.ts";

export interface RoundEndFacts {
  /** Of the values now. */
  readonly version: number;
  /** [size] float32, borrowed; null where nobody has seen them. */
  readonly parameters: Float32Array | null;
  readonly result: { readonly accuracy: number; readonly loss: number } | null;
}

/** Longest reason that a message takes. */
const longestReason = 1_000;

export function summaryOf(
  { traffic, settings, keeper, description }: Room,
  round: EndedState,
  contributed: readonly StoredContribution[],
  { version, result, parameters }: RoundEndFacts,
): Omit<RoundSummary, "record"> {
  const counted = (claimed: number): number => Math.min(claimed, settings.sampleCap);
  const isUnsaid = isPrivate(description.privacy);
  const samples = isUnsaid ? 0 : contributed.reduce((sum, { offer }) => sum + counted(offer.samples), 0);
  const loss = contributed.reduce((sum, { offer }) => sum + counted(offer.samples) * offer.loss, 0);
  const contributions = round.phase === "committed" ? round.reports.length : 0;
  return {
    ...{ round: round.number, outcome: round.phase, version, contributions, samples },
    trainingLoss: samples === 0 ? null : loss / samples + 0,
    ...{ testAccuracy: result?.accuracy ?? null, testLoss: finiteOrNull(result?.loss) },
    hash: parameters === null ? "" : hashOf(parameters),
    ...{ bytesDown: traffic.down, bytesUp: traffic.up },
    epsilon: spentSoFar(settings, keeper.record.lasting),
    reason: round.reason.slice(0, longestReason).toWellFormed(),
  };
}

/**
 * What everybody may know of a round. Where the accountant bounds what rounds tell of a client's being there, the number who
 * came is not in that bound (one more client changes it by one), nor is what follows from it: bytes, and reasons that count.
 */
export function published(summary: RoundSummary, settings: AggregatorSettings): RoundSummary {
  if (settings.privacy === null) return summary;
  const contributions = summary.outcome === "committed" ? Math.round(expectedClients(settings)) : 0;
  return { ...summary, contributions, bytesDown: 0, bytesUp: 0, reason: publicReason(summary.reason, settings) };
}

/** Of a round's end, or a client's in it. Such reasons name nobody, in any mode: who others are is in the record alone. */
export function publicReason(reason: string, { privacy }: Pick<AggregatorSettings, "privacy">): string {
  return privacy === null ? reason.slice(0, longestReason) : "the round is over";
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

/** Of the float32 values as they lie, little-endian. */
function hashOf(values: Float32Array): string {
  return hexOf(sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)));
}
