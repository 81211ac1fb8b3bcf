/** Partitions in which clients see few of the labels, in a fixed number. */
import { counted, ShoalError } from "@shoal/errors";
import { shuffle, shuffledIndices, type DrawSource } from "./draws.ts";
import { checkClientCount, cutAt, evenEnds, indicesByLabel, joinPieces, type Partition } from "./partition.ts";

/**
 * The samples sorted by label, cut into clients·shardsEach equal shards, of which each client gets `shardsEach` at random.
 * With two shards each most clients of 100 see two of ten digits.
 *
 * @throws ShoalError invalid_argument - when there are fewer samples than shards
 * Source  McMahan et al., AISTATS 2017, section 3.
 */
export function partitionByShards(
  labels: ArrayLike<number>,
  clients: number,
  shardsEach: number,
  draws: DrawSource,
): Partition {
  checkClientCount(clients, labels.length);
  const shards = clients * shardsEach;
  if (!(Number.isSafeInteger(shardsEach) && shardsEach >= 1 && shards <= labels.length)) {
    const sentence = `shardsEach: expected at least 1 and at most a sample for each shard, found ${shardsEach}`;
    throw new ShoalError("invalid_argument", sentence, { field: "shardsEach" });
  }
  const sorted = Uint32Array.from(indicesByLabel(labels).flatMap((group) => [...group]));
  const cut = cutAt(sorted, evenEnds(labels.length, shards));
  const order = shuffledIndices(shards, draws);
  return joinPieces(
    Array.from({ length: clients }, (_, client) =>
      Array.from(
        { length: shardsEach },
        (_unused, at) => cut[order[client * shardsEach + at] ?? 0] ?? new Uint32Array(),
      ),
    ),
  );
}

/**
 * Exactly `labelsEach` labels to a client ("pathological"). Labels go to as many clients as can be, evenly; a label's
 * samples are shuffled and cut evenly among its clients.
 *
 * @throws ShoalError invalid_argument - when some label would have no client, or a client no sample of its label
 */
export function partitionByLabels(
  labels: ArrayLike<number>,
  clients: number,
  labelsEach: number,
  draws: DrawSource,
): Partition {
  checkClientCount(clients, labels.length);
  const groups = indicesByLabel(labels).filter(({ length }) => length > 0);
  if (!(Number.isSafeInteger(labelsEach) && labelsEach >= 1 && labelsEach <= groups.length)) {
    throw invalid(`expected 1 to ${groups.length}, the number of labels, found ${labelsEach}`);
  }
  if (clients * labelsEach < groups.length) {
    throw invalid(
      `${counted(clients, "client")} with ${labelsEach} each would leave some of ${groups.length} labels to nobody`,
    );
  }
  const owners = dealLabels(groups.length, clients, labelsEach, draws);
  const pieces: Uint32Array[][] = Array.from({ length: clients }, () => []);
  for (const [label, group] of groups.entries()) {
    const holders = owners[label] ?? [];
    if (holders.length > group.length) {
      throw invalid(`a label with ${counted(group.length, "sample")} would go to ${holders.length} clients`);
    }
    const parts = cutAt(shuffle(group, draws), evenEnds(group.length, holders.length));
    for (const [at, client] of holders.entries()) pieces[client]?.push(parts[at] ?? new Uint32Array());
  }
  return joinPieces(pieces);
}

/** Each client takes the labels that fewest have taken so far; among equals the draw decides. @returns clients by label */
function dealLabels(count: number, clients: number, labelsEach: number, draws: DrawSource): readonly number[][] {
  const owners: number[][] = Array.from({ length: count }, () => []);
  for (let client = 0; client < clients; client += 1) {
    const order = [...shuffledIndices(count, draws)];
    order.sort((one, other) => (owners[one]?.length ?? 0) - (owners[other]?.length ?? 0));
    for (const label of order.slice(0, labelsEach)) owners[label]?.push(client);
  }
  return owners;
}

function invalid(sentence: string): ShoalError {
  return new ShoalError("invalid_argument", `labelsEach: ${sentence}`, { field: "labelsEach" });
}
