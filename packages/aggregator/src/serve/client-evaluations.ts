/** What clients measured with the values of a round, on their own data: means, weighted by samples. */

export interface ClientEvaluation {
  readonly round: number;
  readonly samples: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface ClientEvaluations {
  /** Counts the first of each client and round; what cannot be is passed over. */
  add(client: string, evaluation: ClientEvaluation): void;
  /** @returns null where nobody has measured */
  meanOf(round: number): { readonly clients: number; readonly loss: number; readonly accuracy: number } | null;
}

/** Rounds that are remembered. */
const mostRounds = 4;
/** One client's test data outweighs others' by at most this, whatever it claims. */
const mostSamples = 10_000;
/** Sums of losses stay numbers. */
const greatestLoss = 1e9;

export function createClientEvaluations(): ClientEvaluations {
  const rounds = new Map<number, { clients: Set<string>; samples: number; loss: number; accuracy: number }>();
  return {
    add(client, { round, samples, loss, accuracy }) {
      const isSane = samples > 0 && Math.abs(loss) <= greatestLoss && accuracy >= 0 && accuracy <= 1;
      if (!isSane) return;
      const sums = rounds.get(round) ?? { clients: new Set(), samples: 0, loss: 0, accuracy: 0 };
      if (sums.clients.has(client)) return;
      const weight = Math.min(samples, mostSamples);
      sums.clients.add(client);
      sums.samples += weight;
      sums.loss += weight * loss;
      sums.accuracy += weight * accuracy;
      rounds.set(round, sums);
      for (const old of [...rounds.keys()].toSorted((a, b) => a - b).slice(0, -mostRounds)) rounds.delete(old);
    },
    meanOf(round) {
      const sums = rounds.get(round);
      if (sums === undefined) return null;
      return { clients: sums.clients.size, loss: sums.loss / sums.samples, accuracy: sums.accuracy / sums.samples };
    },
  };
}
