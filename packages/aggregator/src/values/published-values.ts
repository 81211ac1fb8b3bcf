/**
 * The values that clients begin with: of the newest rounds, in each encoding that was asked for, cut into chunks.
 *
 * Bounds  `mostRounds` rounds; each holds one float32 copy and what was asked for of it.
 */
import { ShoalError } from "@shoal/errors";
import { chunkRange, describeVector, exactEncoding, joinVectors, type VectorManifest } from "@shoal/federated";
import type { VectorCodecs } from "@shoal/optimization";

export interface PublishedValues {
  /** Takes the values of a round. Copies them. @param control - SCAFFOLD's, which is sent with them; kept as it is */
  publish(round: number, version: number, values: Float32Array, control?: Float32Array): void;
  /** Of a version, [size] float32, borrowed; undefined where it is not kept any more. */
  valuesOf(version: number): Float32Array | undefined;
  /** @returns undefined for a round that is over for long @throws ShoalError codec_failed - unknown encoding */
  describe(
    round: number,
    encoding: string,
  ): { readonly version: number; readonly manifest: VectorManifest } | undefined;
  /** @returns undefined where nothing with this hash is published, or it has no such chunk */
  chunk(hash: string, index: number): Uint8Array | undefined;
}

interface Coded {
  readonly content: Uint8Array;
  readonly manifest: VectorManifest;
}

interface Published {
  readonly version: number;
  readonly values: Float32Array;
  readonly control: Float32Array | undefined;
  readonly coded: Map<string, Coded>;
}

export function createPublishedValues(codecs: VectorCodecs, mostRounds: number): PublishedValues {
  const rounds = new Map<number, Published>();
  const byHash = new Map<string, Coded>();
  const forget = (round: number): void => {
    const old = rounds.get(round);
    rounds.delete(round);
    for (const coded of old?.coded.values() ?? []) byHash.delete(coded.manifest.hash);
  };
  return {
    publish(round, version, values, control) {
      if (values.length !== codecs.size) throw new RangeError(`${values.length} values for a task of ${codecs.size}`);
      const same = [...rounds.values()].find(
        (published) => published.version === version && published.control === control,
      );
      // An abandoned round left the values as they were: so are their bytes.
      rounds.set(round, same ?? { version, values: values.slice(), control, coded: new Map() });
      for (const old of [...rounds.keys()].slice(0, -mostRounds)) {
        if ([...rounds.values()].filter((published) => published === rounds.get(old)).length > 1) rounds.delete(old);
        else forget(old);
      }
    },
    valuesOf: (version) => [...rounds.values()].find((published) => published.version === version)?.values,
    describe(round, encoding) {
      const published = rounds.get(round);
      if (published === undefined) return undefined;
      if (encoding !== exactEncoding && codecs.bytesOf(encoding) === undefined) {
        throw new ShoalError("codec_failed", `the task has no encoding ${encoding}`, { field: "encoding" });
      }
      let coded = published.coded.get(encoding);
      if (coded === undefined) {
        coded = code(codecs, encoding, published);
        published.coded.set(encoding, coded);
      }
      byHash.set(coded.manifest.hash, coded);
      return { version: published.version, manifest: coded.manifest };
    },
    chunk(hash, index) {
      const coded = byHash.get(hash);
      if (coded === undefined) return undefined;
      const { begin, end } = chunkRange(coded.manifest, index);
      return index >= 0 && begin < end ? coded.content.subarray(begin, end) : undefined;
    },
  };
}

function code(codecs: VectorCodecs, encoding: string, { values, control }: Published): Coded {
  if (encoding === exactEncoding) {
    const own = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return { content: own, manifest: describeVector(own) };
  }
  const vectors = control === undefined ? [values] : [values, control];
  const content = joinVectors(vectors.map((vector) => codecs.encode(encoding, vector)));
  return { content, manifest: describeVector(content) };
}
