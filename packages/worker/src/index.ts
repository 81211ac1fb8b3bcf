/** The worker's half of training: parameter client, links, compute, loops. */
export type { Contribution, PullTarget, PushPullOutcome, ShardVersions } from "./client/contribution.ts";
export type { ComputedIn } from "./client/exchange-kind.ts";
export { createParameterClient, type ParameterClient, type ParameterClientOptions } from "./client/parameter-client.ts";
export { defaultRetrySettings, type RetrySettings } from "./client/retry-policy.ts";
export type { ClientWait } from "./client/wait-list.ts";
export { createInProcessLinkFactory, type InProcessLinkOptions } from "./links/in-process-link.ts";
export * from "./rpc/index.ts";
