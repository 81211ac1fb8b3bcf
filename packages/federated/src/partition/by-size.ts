/** Partitions that ignore labels: equal sizes (IID), or sizes that grow from client to client. */
import { shuffledIndices, type DrawSource } from "./draws.ts";
import { exactExp } from "./exact-functions.ts";
import { checkClientCount, cutAt, evenEnds, type Partition } from "./partition.ts";

/** Client i = 0, 1, … gets a share as i + 1, (i + 1)², or e^i. */
export type SizeGrowth = "linear" | "square" | "exponential";

/** Shuffled and cut into equal parts; sizes differ by one at most. @throws ShoalError invalid_argument */
export function partitionEvenly(samples: number, clients: number, draws: DrawSource): Partition {
  checkClientCount(clients, samples);
  return cutAt(shuffledIndices(samples, draws), evenEnds(samples, clients));
}

/** Shuffled and cut by growth; everybody gets at least one. @throws ShoalError invalid_argument */
export function partitionBySize(samples: number, clients: number, growth: SizeGrowth, draws: DrawSource): Partition {
  checkClientCount(clients, samples);
  const weights = Array.from({ length: clients }, (_, client) => weightOf(growth, client, clients));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const spare = samples - clients;
  let reached = 0;
  const ends = weights.map((weight, client) => {
    reached += weight;
    return client + 1 + (client === clients - 1 ? spare : Math.floor((spare * reached) / total));
  });
  return cutAt(shuffledIndices(samples, draws), ends);
}

/** The exponential is taken relative to the last client, so that no number of clients overflows it. */
function weightOf(growth: SizeGrowth, client: number, clients: number): number {
  switch (growth) {
    case "linear":
      return client + 1;
    case "square":
      return (client + 1) * (client + 1);
    case "exponential":
      return exactExp(client + 1 - clients);
  }
}
