/**
 * Turns what workers push into gradients: nothing to do for float32, a decoder each for the encodings of the run.
 *
 * Bounds  One vector of the shard's size, into which each contribution is decoded when its turn comes; none with float32.
 */
import { createDecoder, automaticEncodings, type Decoder, type ResolvedEncodingSpec } from "@shoal/optimization";
import type { EncodingSite } from "@shoal/optimization";

export interface GradientCodec {
  /** Elements of float32 that the bytes of a push take; undefined when the run has no such encoding. */
  readonly wordsOf: (encoding: string | undefined) => number | undefined;
  /** Most of them. */
  readonly maximumWords: number;
  /**
   * Byte offset of the gradient, [size] float32: overwritten by the next call.
   * @param payload byte offset of what was pushed, as long as `wordsOf` says; borrowed
   * @throws ShoalError codec_failed
   */
  read(payload: number, encoding: string | undefined): number;
  readonly bytes: number;
  dispose(): void;
}

/** What a push without an `encoding` is written as. */
const plain = "float32";

/** @throws ShoalError out_of_memory - nothing is taken then */
export function createGradientCodec(spec: ResolvedEncodingSpec, site: EncodingSite): GradientCodec {
  const { size, memory } = site;
  const specs = spec.name === "auto" ? automaticEncodings : [spec];
  const lossy = specs.filter(({ name }) => name !== plain);
  const decoders = new Map<string, Decoder>();
  const dispose = (): void => {
    for (const decoder of decoders.values()) decoder.dispose();
    decoders.clear();
  };
  try {
    for (const each of lossy) decoders.set(each.name, createDecoder(each, site));
    const decoded = lossy.length === 0 ? undefined : memory.allocate(size * 4);
    const wordsOf = (encoding = plain): number | undefined => {
      if (encoding === plain) return lossy.length < specs.length ? size : undefined;
      const decoder = decoders.get(encoding);
      return decoder === undefined ? undefined : decoder.bytes / 4;
    };
    return {
      wordsOf,
      maximumWords: Math.max(...specs.map(({ name }) => wordsOf(name) ?? 0)),
      read(payload, encoding = plain) {
        const decoder = decoders.get(encoding);
        if (decoder === undefined || decoded === undefined) return payload;
        decoder.decode(payload, decoder.bytes, decoded.byteOffset);
        return decoded.byteOffset;
      },
      bytes: decoded?.byteLength ?? 0,
      dispose() {
        dispose();
        if (decoded !== undefined) memory.free(decoded);
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
