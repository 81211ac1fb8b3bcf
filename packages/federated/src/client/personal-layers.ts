/**
 * Layers that stay with their client: neither sent nor overwritten. What is sent is the rest, packed: the shared keys in
 * their order. A client's own head on everybody's body, say.
 *
 * Source  Arivazhagan et al., "Federated learning with personalization layers", 2019 (FedPer); the local batch norms of
 *         Li et al., ICLR 2021 (FedBN), are the same with other keys.
 */
import { ShoalError } from "@shoal/errors";
import { checkLengths } from "./vector-lengths.ts";

/** Keys [begin, end). */
export interface KeySpan {
  readonly begin: number;
  readonly end: number;
}

export interface SharedKeys {
  /** Keys of the whole vector. */
  readonly size: number;
  /** Keys of the packed vector. */
  readonly count: number;
  /** Ascending and apart. */
  readonly spans: readonly KeySpan[];
}

/**
 * @param personal ascending and apart: keys that stay with the client
 * @throws RangeError when they are not, or leave nothing to share
 */
export function sharedKeys(size: number, personal: readonly KeySpan[]): SharedKeys {
  const spans: KeySpan[] = [];
  let next = 0;
  let count = 0;
  for (const { begin, end } of [...personal, { begin: size, end: size }]) {
    if (!(begin >= next && end >= begin && end <= size)) {
      throw new RangeError(`personal keys [${begin}, ${end}) do not follow key ${next} within [0, ${size})`);
    }
    if (begin > next) spans.push({ begin: next, end: begin });
    count += begin - next;
    next = end;
  }
  if (count === 0) throw new RangeError(`all ${size} keys are personal: nothing would be sent`);
  return { size, count, spans };
}

/**
 * Keys of the named layers in a layout whose segments are named `layer.tensor`.
 * @throws ShoalError invalid_argument - a layer has no parameters
 */
export function personalSpans(
  segments: readonly { readonly name: string; readonly offset: number; readonly length: number }[],
  layers: readonly string[],
): readonly KeySpan[] {
  const isOf = (segment: string, layer: string): boolean => segment === layer || segment.startsWith(`${layer}.`);
  const missing = layers.find((layer) => !segments.some(({ name }) => isOf(name, layer)));
  if (missing !== undefined) {
    throw new ShoalError("invalid_argument", `no layer ${missing} has parameters`, { field: "local.personal" });
  }
  return segments
    .filter(({ name }) => layers.some((layer) => isOf(name, layer)))
    .map(({ offset, length }) => ({ begin: offset, end: offset + length }));
}

/** Copies the shared keys of a vector. @param from [size], borrowed @param into [count], overwritten */
export function packShared({ size, count, spans }: SharedKeys, from: Float32Array, into: Float32Array): void {
  checkLengths(size, { from });
  checkLengths(count, { into });
  let at = 0;
  for (const { begin, end } of spans) {
    into.set(from.subarray(begin, end), at);
    at += end - begin;
  }
}

/** Puts received values in place; personal keys keep theirs. @param from [count], borrowed @param into [size], overwritten */
export function unpackShared({ size, count, spans }: SharedKeys, from: Float32Array, into: Float32Array): void {
  checkLengths(count, { from });
  checkLengths(size, { into });
  let at = 0;
  for (const { begin, end } of spans) {
    into.set(from.subarray(at, at + end - begin), begin);
    at += end - begin;
  }
}
