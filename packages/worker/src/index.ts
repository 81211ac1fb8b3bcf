/** The worker's half of training: parameter client, links, compute, loops. */
export type { Contribution, PullTarget, PushPullOutcome, ShardVersions } from "./client/contribution.ts";
export type { ComputedIn } from "./client/exchange-kind.ts";
export { createParameterClient, type ParameterClient, type ParameterClientOptions } from "./client/parameter-client.ts";
export { defaultRetrySettings, type RetrySettings } from "./client/retry-policy.ts";
export type { ClientWait } from "./client/wait-list.ts";
export { createInProcessLinkFactory, type InProcessLinkOptions } from "./links/in-process-link.ts";
export * from "./rpc/index.ts";
export { createInlineCompute, type ComputeEnvironment } from "./compute/inline-compute.ts";
export type { ComputePort, ComputeState, GradientWork } from "./compute/compute-port.ts";
export type { ComputeSubject } from "./compute/compute-task.ts";
export { startThreadCompute, type ThreadComputeOptions } from "./host/thread-compute.ts";
export { createFolderStateStore } from "./host/folder-state-store.ts";
export { createMemoryStateStore, type WorkerStateStore } from "./saved/state-store.ts";
export { startWorker, type WorkerHandle, type WorkerOptions } from "./start-worker.ts";
