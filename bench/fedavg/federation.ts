/** Rounds of federated averaging in one process: selection, local training, the aggregator, and one test a round. */
import { createRandom } from "@shoal/actors";
import { createAggregator, parseAggregationPolicy, type Partition } from "@shoal/federated";
import type { ClientPool, ClientTask } from "./client-pool.ts";
import type { Judge } from "./judge.ts";

export interface Federation {
  readonly partition: Partition;
  /** Clients of a round. */
  readonly selected: number;
  readonly epochs: number;
  /** Of the clients' steps, constant. */
  readonly learningRate: number;
  readonly seed: number;
}

/** Draws a round's clients without replacement; the same for the same seed and round. */
export function selectClients(federation: Federation, round: number): readonly number[] {
  const { partition, selected, seed } = federation;
  const draws = createRandom(seed).fork(`round ${round}`);
  const rest = partition.map((_, client) => client);
  return Array.from({ length: selected }, () => rest.splice(draws.integer(rest.length), 1)[0] ?? 0);
}

/** What a client does in a round. @param parameters the round's; borrowed */
export function taskOf(federation: Federation, round: number, client: number, parameters: Float32Array): ClientTask {
  const { partition, epochs, learningRate, seed } = federation;
  const indices = partition[client] ?? new Uint32Array();
  const taskSeed = (seed * 100_003 + round) * 1009 + client;
  return { parameters, indices, epochs, learningRate, seed: taskSeed, flipped: false };
}

/** Brings a client's update of a round to the server. Borrows it. @returns what arrives there, borrowed until the next */
export type Carry = (client: number, round: number, update: Float32Array) => Float32Array;

/**
 * Plays rounds until one says that it is enough.
 * @param after told the accuracy after each round, from 1 on; @returns true to stop
 * @param carry default: updates arrive as they were sent
 */
export async function playRounds(
  federation: Federation,
  pool: ClientPool,
  judge: Judge,
  after: (round: number, accuracy: number) => boolean,
  carry: Carry = (_client, _round, sent) => sent,
): Promise<void> {
  const parameters = judge.initial(federation.seed);
  const policy = parseAggregationPolicy({ name: "fedavg", goal: federation.selected });
  const aggregator = createAggregator(policy, parameters.length);
  const update = new Float32Array(parameters.length);
  for (let round = 1, isOver = false; !isOver; round += 1) {
    aggregator.advance(round);
    const clients = selectClients(federation, round);
    const trained = await pool.train(clients.map((client) => taskOf(federation, round, client, parameters)));
    for (const [at, { update: sent, samples }] of trained.entries()) {
      const client = clients[at] ?? 0;
      const values = carry(client, round, sent);
      aggregator.offer({ client: `client-${client}`, baseVersion: round, samples }, [{ begin: 0, values }]);
    }
    aggregator.read(0, update);
    for (let key = 0; key < update.length; key += 1) parameters[key] = (parameters[key] ?? 0) + (update[key] ?? 0);
    isOver = after(round, judge.accuracy(parameters));
  }
}
