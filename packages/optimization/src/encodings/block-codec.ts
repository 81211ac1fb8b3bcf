/**
 * Encodings that write each element, or each block of them, for itself. Long vectors go through in parts that stay in
 * the cache: every format may be cut between them without changing a byte.
 */
import { int4Bytes, int8Bytes, signBytes, thresholdBytes, type Kernels, type Offset } from "@shoal/kernels-wasm";
import { partElements, type Codec, type CodecSite } from "./codec.ts";
import type { ConcreteEncodingSpec } from "./encoding-spec.ts";
import { visitPieces } from "./placement.ts";

type BlockSpec = Extract<
  ConcreteEncodingSpec,
  { readonly name: "bfloat16" | "float16" | "int8" | "int4" | "one_bit" | "two_bit" }
>;

/** Blocks that begin with a scale, in float32 words. */
interface ScaledBlocks {
  readonly elements: number;
  readonly words: number;
}

interface Format {
  readonly bytesOf: (count: number) => number;
  /** Writes a part and leaves its error in p. `scratch` has room for it. */
  readonly pack: (p: Offset, into: Offset, count: number, scratch: Offset) => void;
  readonly unpack: (from: Offset, out: Offset, count: number) => void;
  /** Unpacks more than `count` elements: up to the next multiple of this. */
  readonly group: number;
  readonly scales?: ScaledBlocks;
}

/** @throws ShoalError out_of_memory */
export function createBlockCodec(spec: BlockSpec, { layout, kernels, memory }: CodecSite): Codec {
  const { bytesOf, pack, unpack, group, scales } = formatOf(spec, kernels, (at, count) => {
    saturate(new Uint16Array(memory.memory.buffer, at, count));
  });
  const count = layout.encodedCount;
  const room = memory.allocate(4 * Math.min(partElements, Math.ceil(count / 16) * 16));
  const scratch = room.byteOffset;
  return {
    encode: {
      kind: "parts",
      run: (p, into, begin, size) => pack(p + 4 * begin, into + bytesOf(begin), size, scratch),
    },
    faultOf(from) {
      if (scales === undefined) return undefined;
      const blocks = Math.ceil(count / scales.elements);
      const words = memory.floats(from, (blocks - 1) * scales.words + 1);
      for (let at = 0; at < words.length; at += scales.words) {
        const scale = words[at] ?? NaN;
        if (!(scale >= 0 && scale < Infinity)) return `block ${at / scales.words} has the scale ${scale}`;
      }
      return undefined;
    },
    put(from, into, placement, weight) {
      for (let begin = 0; begin < count; begin += partElements) {
        const size = Math.min(partElements, count - begin);
        const bytes = from + bytesOf(begin);
        const whole = placement.length === 1 && size % group === 0;
        if (whole && weight === undefined) {
          unpack(bytes, into + 4 * ((placement[0]?.at ?? 0) + begin), size);
          continue;
        }
        unpack(bytes, scratch, size);
        visitPieces(placement, begin, begin + size, (first, at, length) => {
          const decoded = scratch + 4 * (first - begin);
          if (weight === undefined) kernels.copy(decoded, into + 4 * at, length);
          else kernels.axpy(decoded, into + 4 * at, length, weight);
        });
      }
    },
    dispose: () => memory.free(room),
  };
}

function formatOf(spec: BlockSpec, kernels: Kernels, saturateAt: (at: Offset, count: number) => void): Format {
  switch (spec.name) {
    case "bfloat16":
      return halfFormat(
        kernels,
        (p, into, count) => kernels.encodeBfloat16(p, into, count),
        (from, out, count) => kernels.decodeBfloat16(from, out, count),
      );
    case "float16":
      return halfFormat(
        kernels,
        (p, into, count) => {
          kernels.encodeFloat16(p, into, count);
          if (kernels.maxAbs(p, count) >= leastInfinite) saturateAt(into, count);
        },
        (from, out, count) => kernels.decodeFloat16(from, out, count),
      );
    case "int8":
      return {
        bytesOf: int8Bytes,
        pack(p, into, count) {
          kernels.quantizeInt8(p, into, count);
          kernels.dequantizeInt8Add(into, p, count, -1);
        },
        unpack: (from, out, count) => kernels.dequantizeInt8(from, out, count),
        group: 1,
        scales: { elements: 256, words: 65 },
      };
    case "int4":
      return {
        bytesOf: int4Bytes,
        pack: (p, into, count) => kernels.packInt4(p, into, count),
        unpack: (from, out, count) => kernels.unpackInt4(from, out, count),
        group: 16,
        scales: { elements: 64, words: 9 },
      };
    case "one_bit":
      return {
        bytesOf: signBytes,
        pack: (p, into, count) => kernels.packSigns(p, into, count),
        unpack: (from, out, count) => kernels.unpackSigns(from, out, count),
        group: 16,
        scales: { elements: 1024, words: 33 },
      };
    case "two_bit":
      return {
        bytesOf: thresholdBytes,
        pack: (p, into, count) => kernels.packThreshold(p, into, count, spec.threshold),
        unpack: (from, out, count) => kernels.unpackThreshold(from, out, count, spec.threshold),
        group: 16,
      };
  }
}

type Move = (x: Offset, out: Offset, count: number) => void;

function halfFormat(kernels: Kernels, write: Move, read: Move): Format {
  return {
    bytesOf: (count) => 2 * count,
    pack(p, into, count, scratch) {
      write(p, into, count);
      read(into, scratch, count);
      kernels.axpy(scratch, p, count, -1);
    },
    unpack: read,
    group: 1,
  };
}

/** Rounds to the infinity of binary16, as does all above. */
const leastInfinite = 65_520;

/** Infinities become the greatest binary16: the rest of such an element is error, and comes later. */
function saturate(halves: Uint16Array): void {
  for (const [index, half] of halves.entries()) {
    if ((half & 0x7fff) === 0x7c00) halves[index] = half - 1;
  }
}
