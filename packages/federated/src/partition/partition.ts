/**
 * What partitioners have in common. They deal the samples of one data set to simulated clients: who gets which index.
 *
 * Every index goes to exactly one client, and the same draws give the same partition in Node and in every browser.
 */
import { ShoalError } from "@shoal/errors";

/** The indices of each client, in ascending order. */
export type Partition = readonly Uint32Array[];

/** @throws ShoalError invalid_argument - when there cannot be so many clients */
export function checkClientCount(clients: number, samples: number): void {
  if (Number.isSafeInteger(clients) && clients >= 1 && clients <= samples) return;
  const sentence = `clients: expected 1 to ${samples}, the number of samples, found ${clients}`;
  throw new ShoalError("invalid_argument", sentence, { field: "clients" });
}

/** Cuts `order` behind each of `ends`. Sorts each part. @param ends ascending; the last is the length */
export function cutAt(order: Uint32Array, ends: readonly number[]): Partition {
  return ends.map((end, at) => order.slice(ends[at - 1] ?? 0, end).sort());
}

/** Where `count` things end that are cut into `parts` as equal as can be. */
export function evenEnds(count: number, parts: number): readonly number[] {
  return Array.from({ length: parts }, (_, part) => Math.floor(((part + 1) * count) / parts));
}

/** The indices of each label's samples, ascending. @param labels [samples], each 0 … 2^16 − 1; borrowed */
export function indicesByLabel(labels: ArrayLike<number>): readonly Uint32Array[] {
  const counts: number[] = [];
  for (let index = 0; index < labels.length; index += 1) {
    const label = labels[index] ?? NaN;
    if (!(Number.isSafeInteger(label) && label >= 0 && label < 0x10000)) {
      const sentence = `labels: expected integers from 0 to 65535, found ${label} at ${index}`;
      throw new ShoalError("invalid_argument", sentence, { field: "labels" });
    }
    while (counts.length <= label) counts.push(0);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  const groups = counts.map((count) => new Uint32Array(count));
  counts.fill(0);
  for (let index = 0; index < labels.length; index += 1) {
    const label = labels[index] ?? 0;
    const at = counts[label] ?? 0;
    counts[label] = at + 1;
    const group = groups[label];
    if (group !== undefined) group[at] = index;
  }
  return groups;
}

/** Joins what each client got in pieces. */
export function joinPieces(pieces: readonly (readonly Uint32Array[])[]): Partition {
  return pieces.map((parts) => {
    const joined = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined.sort();
  });
}
