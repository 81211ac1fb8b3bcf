/** The codec of a specification. */
import { createBlockCodec } from "./block-codec.ts";
import type { Codec, CodecSite } from "./codec.ts";
import type { ConcreteEncodingSpec } from "./encoding-spec.ts";
import { createPowerSgdCodec } from "./power-sgd-codec.ts";
import { createRandomKCodec } from "./random-k-codec.ts";
import { createTopKCodec } from "./top-k-codec.ts";

/** @returns undefined when no element is encoded @throws ShoalError out_of_memory - nothing is taken then */
export function createCodec(spec: ConcreteEncodingSpec, site: CodecSite): Codec | undefined {
  if (site.layout.encodedCount === 0) return undefined;
  switch (spec.name) {
    case "float32":
      return undefined;
    case "top_k":
      return createTopKCodec(spec.share, site);
    case "random_k":
      return createRandomKCodec(spec, site);
    case "power_sgd":
      return createPowerSgdCodec(spec.rank, site);
    default:
      return createBlockCodec(spec, site);
  }
}
