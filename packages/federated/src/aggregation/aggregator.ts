/**
 * The one aggregator: folds contributions into an update as its policy says, whether they come in rounds, into a buffer,
 * or one at a time.
 *
 * Sums      float64, in the order of folding: a thousand float32 updates added in float32 would lose three digits. The
 *           order changes the result by roundings of float64 only.
 * Bounds    8 bytes for each key, however many contributions come; at most `goal` entries in `folded`.
 * Invariant A refused contribution changes nothing, and one is folded whole or not at all.
 */
import { counted, ShoalError } from "@shoal/errors";
import type { ResolvedAggregationPolicy } from "./aggregation-policy.ts";
import { decideFold, type Contribution, type FoldDecision } from "./decide-fold.ts";

/** A part of a vector: keys [begin, begin + values.length). */
export interface VectorChunk {
  readonly begin: number;
  readonly values: Float32Array;
}

/** What a contribution has come to: for the round's record. */
export interface FoldedContribution {
  readonly client: string;
  readonly staleness: number;
  readonly weight: number;
}

export interface Aggregator {
  /** Keys of an update. */
  readonly size: number;
  /** Of the global values that the next update is for. */
  readonly version: number;
  readonly folded: readonly FoldedContribution[];
  /** True when the update has all the contributions that the policy wants. */
  readonly complete: boolean;
  /**
   * Folds a contribution, or says why not.
   *
   * @param update Δₖ in ascending chunks without gaps; borrowed
   * @param moved base values minus present values, likewise: for `fedasync` that mixes models, when staleness > 0
   * @throws ShoalError layout_mismatch - when chunks do not make [0, size); invalid_argument - when `moved` is missing;
   *   nothing is folded then
   */
  offer(contribution: Contribution, update: readonly VectorChunk[], moved?: readonly VectorChunk[]): FoldDecision;
  /**
   * Writes scale·Δ of [begin, begin + into.length). @param scale −1 for the pseudo-gradient that a server optimiser takes
   * @throws RangeError when nothing was folded, or beyond the keys
   */
  read(begin: number, into: Float32Array, scale?: number): void;
  /** Forgets all contributions: the next update is for this version. @throws RangeError for an older version */
  advance(version: number): void;
}

interface Totals {
  share: number;
  gain: number;
}

/** @param size keys of an update, at least 1 */
export function createAggregator(policy: ResolvedAggregationPolicy, size: number, startVersion = 0): Aggregator {
  const sums = new Float64Array(size);
  const totals: Totals = { share: 0, gain: 0 };
  let folded: FoldedContribution[] = [];
  let complete = false;
  let version = startVersion;
  return {
    size,
    get version() {
      return version;
    },
    get folded() {
      return folded;
    },
    get complete() {
      return complete;
    },
    offer(contribution, update, moved) {
      checkChunks(update, size);
      const decision = decideFold(policy, contribution, { version, folded: folded.length });
      if (decision.kind === "refuse") return decision;
      const parts = [update, ...movedParts(policy, decision.staleness, moved, size)];
      for (const part of parts) addScaled(sums, part, decision.weight);
      totals.share += decision.share;
      totals.gain += decision.gain;
      folded.push({ client: contribution.client, staleness: decision.staleness, weight: decision.weight });
      complete = decision.completes;
      return decision;
    },
    read(begin, into, scale = 1) {
      if (folded.length === 0) throw new RangeError("there is no contribution to read the update of");
      checkWithin(begin, into.length, size);
      const factor = scale * (totals.gain / totals.share);
      for (let i = 0; i < into.length; i += 1) into[i] = factor * ((sums[begin + i] ?? 0) / totals.share);
    },
    advance(next) {
      if (!(next >= version)) throw new RangeError(`version ${next} is before ${version}`);
      version = next;
      sums.fill(0);
      totals.share = 0;
      totals.gain = 0;
      folded = [];
      complete = false;
    },
  };
}

/** What stands between the values that were trained and the present ones, where the policy mixes models. */
function movedParts(
  policy: ResolvedAggregationPolicy,
  staleness: number,
  moved: readonly VectorChunk[] | undefined,
  size: number,
): readonly (readonly VectorChunk[])[] {
  if (policy.name !== "fedasync" || policy.mix !== "models" || staleness === 0) return [];
  if (moved === undefined) {
    const sentence = `a model that is ${counted(staleness, "version")} old can only be mixed where its base values are known`;
    throw new ShoalError("invalid_argument", sentence, { field: "moved" });
  }
  checkChunks(moved, size);
  return [moved];
}

function addScaled(sums: Float64Array, chunks: readonly VectorChunk[], weight: number): void {
  for (const { begin, values } of chunks) {
    for (let i = 0; i < values.length; i += 1) {
      const key = begin + i;
      sums[key] = (sums[key] ?? 0) + weight * (values[i] ?? 0);
    }
  }
}

function checkChunks(chunks: readonly VectorChunk[], size: number): void {
  let end = 0;
  for (const { begin, values } of chunks) {
    if (begin !== end) throw mismatch(`a chunk begins at ${begin}, not at ${end}`, size, begin);
    end += values.length;
  }
  if (end !== size) throw mismatch(`an update of ${end} keys for an aggregator of ${size}`, size, end);
}

function mismatch(sentence: string, expected: number, found: number): ShoalError {
  return new ShoalError("layout_mismatch", sentence, { expected, found });
}

function checkWithin(begin: number, length: number, size: number): void {
  if (!(Number.isSafeInteger(begin) && begin >= 0 && begin + length <= size)) {
    throw new RangeError(`[${begin}, ${begin + length}) is not within [0, ${size})`);
  }
}
