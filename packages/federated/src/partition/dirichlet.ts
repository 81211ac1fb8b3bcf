/**
 * Dirichlet partitions: for each label, the shares of the clients in its samples are a draw from Dir(α·1).
 *
 * α → ∞ gives every client the labels of the whole, α → 0 gives each label to one client. With `selfBalancing` a client
 * that has more than its even part gets nothing of the next label. A draw in which somebody has fewer than `minimum`
 * samples is drawn again, ten times at most.
 *
 * Sources  Hsu, Qi, Brown 2019; Yurochkin et al., ICML 2019 (self-balancing); Li et al., ICDE 2022 (NIID-Bench).
 */
import { ShoalError } from "@shoal/errors";
import { logGamma, shuffle, type DrawSource } from "./draws.ts";
import { exactExp } from "./exact-functions.ts";
import { checkClientCount, cutAt, indicesByLabel, joinPieces, type Partition } from "./partition.ts";

export interface DirichletOptions {
  /** α, at least 1e-9: 0.1 is very uneven, 100 nearly even. */
  readonly alpha: number;
  /** Default true. */
  readonly selfBalancing?: boolean | undefined;
  /** Samples that every client has at least. Default 10. */
  readonly minimum?: number | undefined;
}

/** Far below it even the logarithms of the draws would overflow; a label goes to one client long before. */
const leastAlpha = 1e-9;

/** Draws of the whole partition. */
const mostAttempts = 10;

/** @throws ShoalError invalid_argument - when α is too small, or no draw gives everybody the minimum */
export function partitionByDirichlet(
  labels: ArrayLike<number>,
  clients: number,
  { alpha, selfBalancing = true, minimum = 10 }: DirichletOptions,
  draws: DrawSource,
): Partition {
  checkClientCount(clients, labels.length);
  if (!(alpha >= leastAlpha && alpha < Infinity)) {
    throw invalid("alpha", `expected a number from ${leastAlpha} on, found ${alpha}`);
  }
  let least = 0;
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const partition = drawPartition(labels, clients, alpha, selfBalancing, draws);
    const smallest = Math.min(...partition.map(({ length }) => length));
    if (smallest >= minimum) return partition;
    least = Math.max(least, smallest);
  }
  const sentence = `in ${mostAttempts} draws somebody had at most ${least} samples, not ${minimum}`;
  throw invalid("minimum", `${sentence}; a greater alpha or fewer clients help`);
}

function drawPartition(
  labels: ArrayLike<number>,
  clients: number,
  alpha: number,
  selfBalancing: boolean,
  draws: DrawSource,
): Partition {
  const pieces: Uint32Array[][] = Array.from({ length: clients }, () => []);
  const sizes = pieces.map(() => 0);
  const evenPart = labels.length / clients;
  for (const group of indicesByLabel(labels)) {
    const isOpen = sizes.map((size) => !selfBalancing || size <= evenPart);
    const ends = endsOf(drawShares(isOpen, alpha, draws), group.length);
    for (const [client, part] of cutAt(shuffle(group, draws), ends).entries()) {
      pieces[client]?.push(part);
      sizes[client] = (sizes[client] ?? 0) + part.length;
    }
  }
  return joinPieces(pieces);
}

/**
 * Shares of the clients that are open; they add up to 1. There always is one: not everybody has more than the even part.
 * Gamma draws are compared by their logarithms: for α = 0.001 most would be 0 themselves, and all could be.
 */
function drawShares(isOpen: readonly boolean[], alpha: number, draws: DrawSource): readonly number[] {
  const logs = isOpen.map((open) => {
    const drawn = logGamma(alpha, draws);
    return open ? drawn : -Infinity;
  });
  const greatest = Math.max(...logs);
  const weights = logs.map((log) => exactExp(log - greatest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function endsOf(shares: readonly number[], count: number): readonly number[] {
  let reached = 0;
  return shares.map((share, at) => {
    reached += share;
    return at === shares.length - 1 ? count : Math.min(count, Math.floor(reached * count));
  });
}

function invalid(field: string, sentence: string): ShoalError {
  return new ShoalError("invalid_argument", `${field}: ${sentence}`, { field });
}
