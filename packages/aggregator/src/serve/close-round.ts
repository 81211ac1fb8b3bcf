/** What is told of a round that has ended. */
import { hexOf, isEnded, sha256, type RoundSummary } from "@shoal/federated";
import type { Room } from "./room.ts";

export interface RoundEndFacts {
  /** Of the values now. */
  readonly version: number;
  /** [size] float32, borrowed. */
  readonly parameters: Float32Array;
  readonly result: { readonly accuracy: number; readonly loss: number } | null;
}

/** @returns undefined where the round goes on */
export function closeRound(room: Room, facts: RoundEndFacts): RoundSummary | undefined {
  const { round } = room.keeper.record;
  if (!isEnded(round)) return undefined;
  const reports = round.phase === "committed" ? round.reports : [];
  const ids = reports.map(({ contribution }) => contribution);
  const contributed = room.contributions.accepted(ids.filter((id) => room.contributions.has(id)));
  room.contributions.drop(ids);
  const samples = contributed.reduce((sum, { offer }) => sum + offer.samples, 0);
  const loss = contributed.reduce((sum, { offer }) => sum + offer.samples * offer.loss, 0);
  const { version, result, parameters } = facts;
  return {
    ...{ round: round.number, outcome: round.phase, version, contributions: reports.length, samples },
    trainingLoss: samples === 0 ? null : loss / samples,
    ...{ testAccuracy: result?.accuracy ?? null, testLoss: result?.loss ?? null },
    hash: hashOf(parameters),
    ...{ bytesDown: room.traffic.down, bytesUp: room.traffic.up },
    epsilon: null,
    reason: round.reason,
  };
}

/** Of the float32 values as they lie, little-endian. */
function hashOf(values: Float32Array): string {
  return hexOf(sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)));
}
