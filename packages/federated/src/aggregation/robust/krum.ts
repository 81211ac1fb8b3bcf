/**
 * Krum and what is made of it: choosing updates by how near their nearest neighbours are.
 *
 *   score(i)     Σ of the n − f − 2 least ‖vᵢ − vⱼ‖², j ≠ i
 *   Krum         the update with the least score                             needs n ≥ 2f + 3
 *   multi-Krum   the mean of the m least
 *   Bulyan       n − 2f updates by Krum, each taken out before the next is chosen; then by key the mean of the n − 4f
 *                values nearest to their median                              needs n ≥ 4f + 3
 *
 * f is the number of clients that may lie. Of equal scores the lower index counts, so the choice is the same everywhere.
 * The last rounds of Bulyan have fewer neighbours than n − f − 2 asks for; at least one is counted.
 *
 * Sources  Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017; El Mhamdi, Guerraoui, Rouault, ICML 2018.
 */
import type { SquaredDistances } from "./distances.ts";

/**
 * @param among indices that count, as candidates and as neighbours
 * @param neighbours how many of the nearest are added up
 * @returns the score of each, in the order of `among`
 */
export function krumScores(
  { clients, values }: SquaredDistances,
  among: readonly number[],
  neighbours: number,
): readonly number[] {
  return among.map((one) => {
    const others = among.filter((other) => other !== one).map((other) => values[one * clients + other] ?? 0);
    const nearest = Float64Array.from(others).sort().subarray(0, neighbours);
    return nearest.reduce((sum, distance) => sum + distance, 0);
  });
}

/** The `count` candidates with the least scores, ascending by score. */
export function leastScores(among: readonly number[], scores: readonly number[], count: number): readonly number[] {
  const ranked = among.map((client, at) => ({ client, score: scores[at] ?? NaN }));
  ranked.sort((one, other) => one.score - other.score || one.client - other.client);
  return ranked.slice(0, count).map(({ client }) => client);
}

/** Krum, n times: each choice is taken out before the next. @returns `count` indices in the order of their choice */
export function chooseRepeatedly(distances: SquaredDistances, byzantine: number, count: number): readonly number[] {
  let rest = everyone(distances.clients);
  const chosen: number[] = [];
  while (chosen.length < count) {
    const neighbours = Math.max(1, rest.length - byzantine - 2);
    const [winner = 0] = leastScores(rest, krumScores(distances, rest, neighbours), 1);
    chosen.push(winner);
    rest = rest.filter((client) => client !== winner);
  }
  return chosen;
}

/** All indices, ascending. */
export function everyone(clients: number): readonly number[] {
  return Array.from({ length: clients }, (_, client) => client);
}
