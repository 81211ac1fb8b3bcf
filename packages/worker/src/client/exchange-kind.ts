/** What a worker exchanges with a shard, and what it says about the gradient's making. */
export type ExchangeKind = "initialize" | "pull" | "push" | "push_pull";

/** When and from how much a gradient was computed; clock times in ms since the Unix epoch. */
export interface ComputedIn {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly samples: number;
  /** Mean training loss of the samples. */
  readonly loss: number;
  /** How long of it the computing waited for parameters on their way, ms; absent: not at all. */
  readonly waitedMs?: number;
}

/** Computing that may still be going on when the first of its gradients leave. */
export interface Computing {
  readonly startedAtMs: number;
  readonly samples: number;
  readonly done: Promise<ComputedIn>;
}
