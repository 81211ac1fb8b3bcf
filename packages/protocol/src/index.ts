export * from "./addresses.ts";
export * from "./consistency.ts";
export * from "./exchange/link.ts";
export * from "./exchange/replication.ts";
export * from "./exchange/requests.ts";
export * from "./exchange/shard-commands.ts";
export * from "./frames/index.ts";
export {
  contributionSamples,
  fragmentOfShard,
  fragmentsOf,
  localSteps,
  type Communication,
  type LocalCommunication,
} from "./job/communication.ts";
export { batchParts, maximumBatchesOfPush, type BatchParts } from "./job/batch-parts.ts";
export type { DurabilitySettings, SnapshotSettings } from "./job/durability-settings.ts";
export type { FederatedInput, FederatedSettings, LocalSettings } from "./job/federated-settings.ts";
export type { EncodingSettings } from "./job/encoding-settings.ts";
export * from "./job/gradient-settings.ts";
export type { GuardSettings } from "./job/guard-settings.ts";
export * from "./job/job-spec.ts";
export * from "./job/parameter-group.ts";
export { treatmentOf } from "./job/parameter-treatment.ts";
export type { StragglerSettings } from "./job/straggler-settings.ts";
export type { StopMetric } from "./job/test-metrics.ts";
export * from "./key-range.ts";
export * from "./line-reports.ts";
export * from "./membership-client.ts";
export * from "./messages/client.ts";
export * from "./messages/coordinator.ts";
export * from "./messages/describe-work.ts";
export * from "./messages/explain-run.ts";
export * from "./messages/read-rounds.ts";
export * from "./messages/membership.ts";
export * from "./messages/schema.ts";
export * from "./messages/server-control.ts";
export * from "./messages/treatments.ts";
export * from "./messages/work.ts";
export * from "./messages/worker-control.ts";
export * from "./metrics.ts";
export * from "./snapshots/hashed-source.ts";
export * from "./snapshots/manifest.ts";
export * from "./snapshots/snapshot-store.ts";
export * from "./tracing.ts";
