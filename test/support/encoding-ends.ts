/** An encoder and its decoder on one kernel memory, with plain arrays outside. */
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import {
  createDecoder,
  createEncoder,
  parseEncodingSpec,
  type ConcreteEncodingSpec,
  type Decoder,
  type Encoded,
  type Encoder,
  type EncodingLayout,
  type EncodingSpec,
} from "@shoal/optimization";

const memory = createKernelMemory({ maximumBytes: 2 ** 28 });
const kernels = instantiateKernels(await loadKernelModules(), memory, { build: "baseline" });

export interface EncodingEnds {
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  /** What the encoder said last. */
  readonly said: Encoded | undefined;
  /** The bytes as they were written last; writable, as whoever sends them could. */
  readonly bytes: DataView;
  encode(vector: readonly number[] | Float32Array, draw?: number): void;
  /** Encodes and decodes. */
  send(vector: readonly number[] | Float32Array, draw?: number): number[];
  decode(length?: number): number[];
  /** `into` + weight · decoded. */
  accumulate(into: readonly number[] | Float32Array, weight: number): number[];
  /** @param isSuperseded - the vector encoded last is computed again */
  giveBack(isSuperseded?: boolean): void;
  residual(): number[];
  dispose(): void;
}

/** What the neighbours of a vector hold: a codec that writes outside changes it. */
const guard = 12_345.5;

export function concrete(spec: EncodingSpec): ConcreteEncodingSpec {
  const resolved = parseEncodingSpec(spec);
  if (resolved.name === "auto") throw new Error("auto is not an encoding");
  return resolved;
}

export function createEnds(spec: EncodingSpec, layout: EncodingLayout | number): EncodingEnds {
  const site = { kernels, memory, ...(typeof layout === "number" ? { size: layout } : layout) };
  const { size } = site;
  const encoder = createEncoder(concrete(spec), site);
  const decoder = createDecoder(concrete(spec), site);
  const bytes = encoder.bytes;
  const regions = [memory.allocate(4 * size), memory.allocate(bytes + 8), memory.allocate(4 * size + 8)];
  const [vectorAt = 0, bytesAt = 0, resultAt = 0] = regions.map(({ byteOffset }) => byteOffset);
  const vector = memory.floats(vectorAt, size);
  const result = memory.floats(resultAt, size + 2);
  const view = new DataView(memory.memory.buffer, bytesAt, bytes);
  const edge = new DataView(memory.memory.buffer, bytesAt + bytes, 8);
  edge.setFloat64(0, guard);
  let said: Encoded | undefined;
  const held = (): number[] => {
    if (edge.getFloat64(0) !== guard || result.subarray(size).some((value) => value !== guard)) {
      throw new Error("a codec wrote outside of its vector");
    }
    return [...result.subarray(0, size)];
  };
  const encode = (values: readonly number[] | Float32Array, draw = 0): void => {
    vector.set(values);
    said = encoder.encode(vectorAt, bytesAt, draw);
  };
  const decode = (length = bytes): number[] => {
    result.fill(NaN).fill(guard, size);
    decoder.decode(bytesAt, length, resultAt);
    return held();
  };
  return {
    encoder,
    decoder,
    bytes: view,
    get said() {
      return said;
    },
    encode,
    decode,
    send(values, draw) {
      encode(values, draw);
      return decode();
    },
    accumulate(into, weight) {
      result.set(into);
      result.fill(guard, size);
      decoder.accumulate(bytesAt, bytes, resultAt, weight);
      return held();
    },
    giveBack: (isSuperseded) => encoder.giveBack(bytesAt, isSuperseded === true ? vectorAt : undefined),
    residual: () => [...(encoder.snapshot().residual ?? [])],
    dispose() {
      encoder.dispose();
      decoder.dispose();
      for (const region of regions) memory.free(region);
    },
  };
}
