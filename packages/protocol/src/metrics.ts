/**
 * Metrics: what each role counts and measures, and in which unit. What a single exchange did is in its trace
 * (`tracing.ts`); metrics say how the whole goes.
 *
 * A role makes its instruments when it starts, not when its module is loaded: without a provider the API hands out
 * instruments that do nothing and never will, and telemetry is set up before roles start. Attributes have few values
 * (outcomes, kinds, roles, nodes); runs, workers and batches are told apart in traces.
 */

export const meterName = "shoal";

/** Serves the API as the options of the instrument, too. */
export interface MetricDefinition {
  readonly name: string;
  /** As UCUM writes it; what is counted stands in braces. */
  readonly unit: string;
  readonly description: string;
  readonly advice?: {
    /** Inclusive upper bounds of a histogram's buckets, in its unit. */
    explicitBucketBoundaries: number[];
  };
}

/** Seconds: from a small shard's update (10 µs) to the time at which an exchange is given up (60 s). */
const durations = {
  explicitBucketBoundaries: [1e-5, 3e-5, 1e-4, 3e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60],
};
/** Updates, or entries: none has a bucket of its own. */
const stalenesses = { explicitBucketBoundaries: [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256] };

type MetricKey =
  | "pushes"
  | "staleness"
  | "applyDuration"
  | "waits"
  | "replicationLag"
  | "replicationDuration"
  | "exchangeDuration"
  | "retries"
  | "bytes"
  | "computeDuration"
  | "samples"
  | "members"
  | "leaseEnds"
  | "mailboxDepth"
  | "mailboxAge";

export const metricDefinitions: Readonly<Record<MetricKey, MetricDefinition>> = {
  /** Shards; counter by `shoal.outcome`: the type of the reply, or the code of the error. */
  pushes: { name: "shoal.pushes", unit: "{push}", description: "Pushes that shards have answered" },
  /** Shards; histogram, one value for each contribution to an update. */
  staleness: {
    name: "shoal.staleness",
    unit: "{update}",
    description: "Updates between the values that a gradient was computed from and its own",
    advice: stalenesses,
  },
  /** Shards; histogram, one value for each update. */
  applyDuration: {
    name: "shoal.apply.duration",
    unit: "s",
    description: "Time in which a shard's optimiser applied one update",
    advice: durations,
  },
  /** Shards; up-down counter by `shoal.exchange.kind`: push or pull. */
  waits: { name: "shoal.waits", unit: "{request}", description: "Requests that wait at shards for other workers now" },
  /** Primaries with replicas; histogram, one value for each entry when it is made. */
  replicationLag: {
    name: "shoal.replication.lag",
    unit: "{entry}",
    description: "Entries of a shard's log that some replica does not have yet",
    advice: stalenesses,
  },
  /** Primaries with replicas; histogram, one value for each entry. */
  replicationDuration: {
    name: "shoal.replication.duration",
    unit: "s",
    description: "Time from an entry of a shard's log to its being in every replica",
    advice: durations,
  },
  /** Workers; histogram by `shoal.exchange.kind` and `shoal.outcome`, all attempts together. */
  exchangeDuration: {
    name: "shoal.exchange.duration",
    unit: "s",
    description: "Time from the first attempt of an exchange with one shard to its end",
    advice: durations,
  },
  /** Workers; counter by `shoal.exchange.kind` and `shoal.outcome`: the code of the error. */
  retries: {
    name: "shoal.exchange.retries",
    unit: "{attempt}",
    description: "Attempts of exchanges that failed and were to be repeated",
  },
  /** Workers; counter by `shoal.exchange.kind`, push or pull, and `shoal.encoding`. */
  bytes: {
    name: "shoal.bytes",
    unit: "By",
    description: "Bytes of vectors that workers sent and received, as written",
  },
  /** Workers; histogram, one value for each batch. */
  computeDuration: {
    name: "shoal.compute.duration",
    unit: "s",
    description: "Time in which a worker computed the gradient of one batch",
    advice: durations,
  },
  /** Workers; counter. Work that two workers did (a lease changed hands) counts twice here and once at the shards. */
  samples: { name: "shoal.samples", unit: "{sample}", description: "Samples whose gradients were pushed" },
  /** Coordinator; gauge by `shoal.role`. */
  members: { name: "shoal.members", unit: "{member}", description: "Members that hold a lease" },
  /** Coordinator; counter by `shoal.role` and `shoal.outcome`: expired, left or rejoined. */
  leaseEnds: { name: "shoal.lease.ends", unit: "{lease}", description: "Leases of members that have ended" },
  /** Every node; gauge by `shoal.node`. */
  mailboxDepth: {
    name: "shoal.mailbox.depth",
    unit: "{message}",
    description: "Messages that wait in the mailboxes of a node's actors",
  },
  /** Every node; gauge by `shoal.node`. */
  mailboxAge: {
    name: "shoal.mailbox.age",
    unit: "s",
    description: "Time since which the oldest message in a mailbox of the node waits",
  },
};

/** Attribute beside those of `tracing.ts`: worker or server. */
export const roleAttribute = "shoal.role";
