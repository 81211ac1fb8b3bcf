/** `import { train, defineJob } from "shoal"`: the public API. */
export { defineJob, type TypedJob } from "./job/define-job.ts";
export { loadJob } from "./job/load-job.ts";
export { train, type TrainOptions, type TrainResult } from "./train.ts";
export { startLocalCluster, type LocalCluster, type LocalClusterOptions } from "./cluster/local-cluster.ts";
export { startProcessCluster, type ProcessCluster, type ProcessClusterOptions } from "./cluster/process-cluster.ts";
export { connectToCluster, type ClusterConnection } from "./cluster/cluster-connection.ts";
export { resolveCluster, type ClusterAddress } from "./cluster/cluster-address.ts";
export { cancelRun, describeRun, failureOf, followRun, submitRun } from "./cluster/follow-run.ts";
export { explainRun } from "./cluster/explain-run.ts";
export { setUpTelemetry, type Telemetry, type TelemetryOptions } from "./telemetry/telemetry.ts";
export type { SpanRecord } from "./telemetry/span-record.ts";
export { readTrace } from "./trace/read-trace.ts";
export { collectExchanges, type Exchange, type ExchangeReport } from "./trace/exchanges.ts";
export { rebuildUpdates, type RebuiltUpdate } from "./trace/rebuild-updates.ts";
export { chromeTrace } from "./trace/chrome-trace.ts";
export { runCommandLine } from "./cli/command-line.ts";
export { isShoalError, ShoalError } from "@shoal/errors";
export type { Consistency, JobSpec, RunStatus, TestResult, WaitExplanation } from "@shoal/protocol";
