/** Encodings of long vectors for the wire and for mixed precision, and the choice of the greatest elements. */
import { int8Bytes, topKScratchBytes } from "@shoal/kernels-wasm";
import { atLeast, type KernelCase, type Rival, type Stage } from "./case.ts";
import { plainVectors, vectorCase, vectorLength, vectorsOf } from "./vector-case.ts";

const count = vectorLength;

export const encodingCases: readonly KernelCase[] = [
  vectorCase("float32 → bfloat16", 6, undefined, (stage) => {
    const [[x = 0], out] = [vectorsOf(stage, 1), stage.site.bytes(2 * count)];
    return { kernel: () => stage.site.kernels.encodeBfloat16(x, out, count) };
  }),
  vectorCase("bfloat16 → float32", 6, undefined, (stage) => {
    const [[out = 0], x] = [vectorsOf(stage, 1), stage.site.bytes(2 * count)];
    return { kernel: () => stage.site.kernels.decodeBfloat16(x, out, count) };
  }),
  vectorCase("float32 → float16", 6, atLeast(0.15), (stage) => {
    const [[x = 0], out] = [vectorsOf(stage, 1), stage.site.bytes(2 * count)];
    return { kernel: () => stage.site.kernels.encodeFloat16(x, out, count), rivals: [plainFloat16(stage)] };
  }),
  vectorCase("float16 → float32", 6, atLeast(0.15), (stage) => {
    const { kernels } = stage.site;
    const [[x = 0, out = 0], halves] = [vectorsOf(stage, 2), stage.site.bytes(2 * count)];
    kernels.encodeFloat16(x, halves, count);
    return { kernel: () => kernels.decodeFloat16(halves, out, count) };
  }),
  vectorCase("int8 quantise", 5, atLeast(0.25), (stage) => {
    const [[x = 0], out] = [vectorsOf(stage, 1), stage.site.bytes(int8Bytes(count))];
    return { kernel: () => stage.site.kernels.quantizeInt8(x, out, count) };
  }),
  vectorCase("int8 quantise with feedback", 13, atLeast(0.25), (stage) => {
    const [[x = 0, residual = 0], out] = [vectorsOf(stage, 2), stage.site.bytes(int8Bytes(count))];
    return { kernel: () => stage.site.kernels.quantizeInt8WithFeedback(x, residual, out, count) };
  }),
  vectorCase("int8 dequantise and add", 9, undefined, (stage) => {
    const { kernels } = stage.site;
    const [[x = 0, y = 0], blocks] = [vectorsOf(stage, 2), stage.site.bytes(int8Bytes(count))];
    kernels.quantizeInt8(x, blocks, count);
    return { kernel: () => kernels.dequantizeInt8Add(blocks, y, count, 1e-6) };
  }),
  vectorCase("top 1 %", 4, atLeast(0.08), (stage) => {
    const { site, peers } = stage;
    const k = Math.round(count / 100);
    const x = site.floats(count);
    const [indices, values, scratch] = [site.bytes(4 * k), site.bytes(4 * k), site.bytes(topKScratchBytes(count, k))];
    const kernel = (): void => site.kernels.topK(x.at, count, k, indices, values, scratch, false);
    if (peers.kind === "missing") return { kernel };
    const { tensorFlow } = peers;
    const tensor = tensorFlow.tensor(x.values, [count]);
    const chosen = (): void => {
      const top = tensorFlow.topk(tensor, k, false);
      top.values.dispose();
      top.indices.dispose();
    };
    return { kernel, rivals: [{ kind: "peer", name: "tfjs", work: chosen }], release: () => tensor.dispose() };
  }),
];

/** Numbers in the range of a half only, as the data is. */
function plainFloat16(stage: Stage): Rival {
  const [x = new Float32Array(), bits = x] = plainVectors(stage, 2);
  const halves = new Uint16Array(count);
  const words = new Uint32Array(bits.buffer);
  const work = (): void => {
    for (let index = 0; index < count; index++) {
      bits[index] = x[index]! * 2 ** -112;
      const word = words[index]!;
      // The exponent now has a half's range: what is left is to round to nearest, ties to even.
      halves[index] = ((word >>> 16) & 0x8000) | (((word & 0x7fff_ffff) + 0xfff + ((word >>> 13) & 1)) >>> 13);
    }
  };
  return { kind: "plain", name: "plain loop", work };
}
