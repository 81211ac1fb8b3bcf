/**
 * Names of spans and attributes. One trace per exchange; the picture is in ARCHITECTURE.md, "Tracing".
 *
 * A push trace is complete when it holds `exchange`, `compute`, `encode`, `send`, `queue`, `acknowledge` and, in its own
 * trace or linked from the `apply` span of another contribution, `apply`. A pull trace: `exchange`, `send`, `read`.
 */

export const tracerName = "shoal";

export const spanNames = {
  exchange: "exchange",
  compute: "compute",
  encode: "encode",
  send: "send",
  queue: "queue",
  apply: "apply",
  /** An update is on its way to the replicas. */
  replicate: "replicate",
  acknowledge: "acknowledge",
  read: "read",
  /** A shard has moved its staleness bound. */
  bound: "bound",
  evaluate: "evaluate",
  /** A federated client's part of a round, from the offer to its last word; the others are its children. */
  contribution: "contribution",
  select: "select",
  /** Of the client: what it fetched and trained, on its own clock. */
  download: "download",
  train: "train",
  /** The same, where updates are masked: until it has the others' keys and shares; and putting the masks on. */
  agree: "agree",
  mask: "mask",
  /** From the end of those until all of the contribution is with the aggregator. */
  upload: "upload",
  admit: "admit",
  /** From the last masked update until the masks are off the sum: the clients' shares are waited for. */
  unmask: "unmask",
  aggregate: "aggregate",
  publish: "publish",
} as const;

export const attributes = {
  run: "shoal.run",
  job: "shoal.job",
  node: "shoal.node",
  worker: "shoal.worker",
  incarnation: "shoal.incarnation",
  shard: "shoal.shard",
  rangeBegin: "shoal.range.begin",
  rangeEnd: "shoal.range.end",
  /** push, pull, push_pull or initialize */
  kind: "shoal.exchange.kind",
  sequence: "shoal.sequence",
  clock: "shoal.clock",
  batch: "shoal.batch",
  /** The slot of a step, where its worker was silent and another one contributed it; on `exchange`. */
  standInSlot: "shoal.stand_in.slot",
  samples: "shoal.samples",
  baseVersion: "shoal.base_version",
  version: "shoal.version",
  /** Of the primary that applied it; on `apply`. 0 where nobody else may hold the shard. */
  term: "shoal.term",
  /** Position in a shard's log; on `replicate`. */
  logIndex: "shoal.log.index",
  staleness: "shoal.staleness",
  rule: "shoal.rule",
  bytesBefore: "shoal.bytes.before",
  bytesAfter: "shoal.bytes.after",
  encoding: "shoal.encoding",
  /** ‖error‖ / ‖vector‖ */
  encodingError: "shoal.encoding.error",
  /** Why a worker chose it, where the job leaves the choice to it. */
  encodingReason: "shoal.encoding.reason",
  /** Pulls: whole, unchanged or difference. */
  pulledForm: "shoal.pulled.form",
  pulledBytesBefore: "shoal.pulled.bytes.before",
  pulledBytesAfter: "shoal.pulled.bytes.after",
  gradientNorm: "shoal.gradient_norm",
  loss: "shoal.loss",
  /** Of the test split, 0 … 1; on `evaluate`, a trace of its own. */
  accuracy: "shoal.accuracy",
  /** With the metric's name behind it; on `evaluate`. */
  metric: "shoal.metric.",
  waitMs: "shoal.wait_ms",
  waitedFor: "shoal.waited_for",
  attempt: "shoal.attempt",
  outcome: "shoal.outcome",
  learningRate: "shoal.learning_rate",
  /** Of a federated task; on `contribution` and its children. */
  client: "shoal.client",
  round: "shoal.round",
  /** With what a client says of a span of its own behind it. */
  ofClient: "shoal.client.",
  /** The new staleness bound, and why; on `bound`. */
  bound: "shoal.bound",
  reason: "shoal.reason",
} as const;
