/**
 * Puts the updates of a round together by a robust rule, in passes over a source that can be read again.
 *
 * Bounds  One chunk of each client at a time; beside it n² distances or, for the rules that iterate, one float64 vector as
 *         long as an update.
 */
import { centredClipping } from "./centred-clipping.ts";
import { defaultChunkSize, passOver, type ChunkSource, type Pace } from "./chunk-source.ts";
import { meanNearMedianInto, medianInto, medianOf, trimmedMeanInto } from "./coordinate-rules.ts";
import { accumulateDistances, accumulateSquares, createDistances, type SquaredDistances } from "./distances.ts";
import { geometricMedian } from "./geometric-median.ts";
import { chooseRepeatedly, everyone, krumScores, leastScores } from "./krum.ts";
import { checkClients, type ResolvedRobustRule } from "./robust-rule.ts";
import { weightedMeanInto } from "./weighted-mean.ts";

export interface RobustOptions {
  /** Of each client, for the rules that count samples; default 1 each. */
  readonly weights?: readonly number[] | undefined;
  /** Where centred clipping begins: the last round's result; zero where there is none. Borrowed. */
  readonly from?: Float32Array | undefined;
  /** Keys that are read of each client at a time. Default 16,384. */
  readonly chunkSize?: number | undefined;
  /** Awaited between two chunks, so that a thread can answer others; of 100 clients one may take 0.2 s. Default: none. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** What the rule did: for the round's record. */
export interface RobustOutcome {
  /** Clients whose updates count, in the order of their choice; all of them where the rule chooses none. */
  readonly chosen: readonly number[];
  /** Clients whose updates were clipped. */
  readonly clipped: readonly number[];
  /** Krum's score of each client, where there is one. */
  readonly scores: readonly number[];
  /** Passes over the updates. */
  readonly passes: number;
}

/** A job of one call: everything a rule needs. */
export interface RobustWork {
  readonly source: ChunkSource;
  readonly weights: readonly number[];
  readonly pace: Pace;
  /** [size] float32; overwritten. */
  readonly into: Float32Array;
}

/**
 * @param into [source.size] float32; overwritten with the combined update
 * @throws ShoalError too_few_clients - says how many are needed; layout_mismatch, not_finite - name the client;
 *   RangeError for weights that are not positive, or an `into` of another size
 */
export async function combineRobustly(
  rule: ResolvedRobustRule,
  source: ChunkSource,
  into: Float32Array,
  options: RobustOptions = {},
): Promise<RobustOutcome> {
  checkClients(rule, source.clients);
  const weights = options.weights ?? everyone(source.clients).map(() => 1);
  checkSizes(source, weights, into);
  const pace = { chunkSize: options.chunkSize ?? defaultChunkSize, pause: options.pause };
  const work = { source, weights, pace, into };
  switch (rule.name) {
    case "mean":
      return mean(work);
    case "median":
      return byCoordinate(work, medianInto);
    case "trimmed_mean": {
      const trim = trimmedOf(rule.trim, source.clients);
      return byCoordinate(work, (chunks, part) => trimmedMeanInto(chunks, trim, part));
    }
    case "norm_bound":
      return boundNorms(work, rule.bound, rule.beyond);
    case "krum":
    case "multi_krum":
    case "bulyan":
      return chooseByDistance(work, rule);
    case "geometric_median":
      return geometricMedian(work, rule);
    case "centred_clipping":
      return centredClipping(work, rule, options.from);
  }
}

/** ⌊share·n⌋, where 0.29·100 is 29 and not the float64 below it; somebody is always left. */
function trimmedOf(share: number, clients: number): number {
  const roundings = 1e-9;
  return Math.min(Math.floor(share * clients + roundings), Math.ceil(clients / 2) - 1);
}

function checkSizes({ clients, size }: ChunkSource, weights: readonly number[], into: Float32Array): void {
  if (into.length !== size) throw new RangeError(`the result has ${into.length} keys, the updates have ${size}`);
  if (weights.length !== clients) throw new RangeError(`${weights.length} weights for ${clients} clients`);
  const wrong = weights.findIndex((weight) => !(weight > 0 && weight < Infinity));
  if (wrong >= 0)
    throw new RangeError(`the weight of client ${wrong} is ${weights[wrong]}, expected a positive number`);
}

async function mean({ source, weights, pace, into }: RobustWork): Promise<RobustOutcome> {
  const factors = shares(weights);
  await passOver(source, pace, (begin, chunks) => weightedMeanInto(chunks, factors, part(into, begin, chunks)));
  return { chosen: everyone(source.clients), clipped: [], scores: [], passes: 1 };
}

async function byCoordinate(
  { source, pace, into }: RobustWork,
  combine: (chunks: readonly Float32Array[], part: Float32Array) => void,
): Promise<RobustOutcome> {
  await passOver(source, pace, (begin, chunks) => combine(chunks, part(into, begin, chunks)));
  return { chosen: everyone(source.clients), clipped: [], scores: [], passes: 1 };
}

async function boundNorms(
  work: RobustWork,
  bound: number | "median",
  beyond: "scale" | "zero",
): Promise<RobustOutcome> {
  const { source, weights, pace, into } = work;
  const squares = new Float64Array(source.clients);
  await passOver(source, pace, (_begin, chunks) => accumulateSquares(squares, chunks));
  const norms = squares.map(Math.sqrt);
  const limit = bound === "median" ? medianOf(norms.toSorted()) : bound;
  const scales = [...norms].map((norm) => (norm <= limit ? 1 : beyond === "zero" ? 0 : limit / norm));
  const factors = shares(weights).map((share, client) => share * (scales[client] ?? 1));
  await passOver(source, pace, (begin, chunks) => weightedMeanInto(chunks, factors, part(into, begin, chunks)));
  const clipped = everyone(source.clients).filter((client) => scales[client] !== 1);
  return { chosen: everyone(source.clients), clipped, scores: [], passes: 2 };
}

type ChoosingRule = Extract<ResolvedRobustRule, { readonly byzantine: number }>;

async function chooseByDistance({ source, pace, into }: RobustWork, rule: ChoosingRule): Promise<RobustOutcome> {
  const { clients } = source;
  const distances = createDistances(clients);
  await passOver(source, pace, (_begin, chunks) => accumulateDistances(distances, chunks));
  const scores = krumScores(distances, everyone(clients), clients - rule.byzantine - 2);
  const chosen = choose(rule, distances, scores);
  const factors = chosen.map(() => 1 / chosen.length);
  await passOver(only(source, chosen), pace, (begin, chunks) => {
    const place = part(into, begin, chunks);
    if (rule.name === "bulyan") meanNearMedianInto(chunks, chosen.length - 2 * rule.byzantine, place);
    else weightedMeanInto(chunks, factors, place);
  });
  return { chosen, clipped: [], scores, passes: 2 };
}

function choose(rule: ChoosingRule, distances: SquaredDistances, scores: readonly number[]): readonly number[] {
  const { clients } = distances;
  const { byzantine } = rule;
  if (rule.name === "bulyan") return chooseRepeatedly(distances, byzantine, clients - 2 * byzantine);
  const count = rule.name === "krum" ? 1 : (rule.keep ?? clients - byzantine - 2);
  return leastScores(everyone(clients), scores, count);
}

/** The source reduced to some of its clients. */
function only(source: ChunkSource, chosen: readonly number[]): ChunkSource {
  const { size } = source;
  return { clients: chosen.length, size, read: (at, begin, end) => source.read(chosen[at] ?? 0, begin, end) };
}

function shares(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function part(into: Float32Array, begin: number, [first]: readonly Float32Array[]): Float32Array {
  return into.subarray(begin, begin + (first?.length ?? 0));
}
