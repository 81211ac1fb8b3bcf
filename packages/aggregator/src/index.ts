export {
  openAggregator,
  type Aggregated,
  type Aggregator,
  type AggregatorOptions,
  type AggregatorWork,
} from "./aggregator.ts";
export type { AggregatorSettings, CentralPrivacy } from "./settings.ts";
export { createVectorCodecs, type CodecEnvironment, type VectorCodecs } from "./values/vector-codecs.ts";
export { createNatsAggregatorPlane } from "./plane/nats-aggregator-plane.ts";
