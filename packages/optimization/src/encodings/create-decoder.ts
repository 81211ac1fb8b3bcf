/** The receiving end of an encoding. */
import { ShoalError } from "@shoal/errors";
import { createCodec } from "./create-codec.ts";
import { encodedLayout } from "./encoded-layout.ts";
import type { ConcreteEncodingSpec } from "./encoding-spec.ts";
import type { Decoder, EncodingSite } from "./encoding.ts";
import { placementOf } from "./placement.ts";

/**
 * @throws RangeError when the layout is none
 * @throws ShoalError out_of_memory - nothing is kept then
 */
export function createDecoder(spec: ConcreteEncodingSpec, site: EncodingSite): Decoder {
  const { kernels, memory, size } = site;
  const layout = encodedLayout(spec, site);
  const codec = createCodec(spec, { layout, kernels, memory, encodes: false });
  const placement = placementOf(layout.encoded);
  const plainPlacement = placementOf(layout.plain);
  const check = (from: number, bytes: number): void => {
    if (bytes !== layout.bytes) fail(spec.name, size, `it has ${bytes} bytes, not ${layout.bytes}`);
    const fault = codec?.faultOf(from);
    if (fault !== undefined) fail(spec.name, size, fault);
  };
  return {
    spec,
    size,
    bytes: layout.bytes,
    check,
    decode(from, bytes, into) {
      check(from, bytes);
      codec?.put(from, into, placement, undefined);
      const plain = from + layout.codecBytes;
      for (const { begin, at, count } of plainPlacement) kernels.copy(plain + 4 * begin, into + 4 * at, count);
    },
    accumulate(from, bytes, into, weight) {
      check(from, bytes);
      codec?.put(from, into, placement, weight);
      const plain = from + layout.codecBytes;
      for (const { begin, at, count } of plainPlacement) kernels.axpy(plain + 4 * begin, into + 4 * at, count, weight);
    },
    dispose: () => codec?.dispose(),
  };
}

function fail(encoding: string, size: number, sentence: string): never {
  throw new ShoalError("codec_failed", `A vector of ${size} elements as ${encoding} does not decode: ${sentence}.`, {
    encoding,
    size,
  });
}
