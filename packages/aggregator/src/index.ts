export {
  openAggregator,
  type Aggregated,
  type Aggregator,
  type AggregatorOptions,
  type AggregatorWork,
} from "./aggregator.ts";
export type { SavedWork } from "./carry/saved-task.ts";
export type { AggregatorSettings, CentralPrivacy, DrawByCoins, SecureAggregation } from "./settings.ts";
export { createNatsAggregatorPlane } from "./plane/nats-aggregator-plane.ts";
export type { RoundRecord } from "./records/round-record.ts";
export type { ChainedRound } from "./records/round-log.ts";
