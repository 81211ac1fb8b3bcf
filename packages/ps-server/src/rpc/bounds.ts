/** What the parameter service may take, with defaults; ARCHITECTURE.md adds them up. */

export interface ServiceBounds {
  /**
   * Regions of a shard's size for contributions on their way in, beside the one that is kept for the contribution that
   * is folded next. At the limit the server stops reading the worker's stream.
   */
  readonly stagingSlots: number;
  /** A small shard has more regions than `stagingSlots`: as many as fit into so many bytes. */
  readonly stagingBytes: number;
  /** Regions of a shard's size for values on their way out. At the limit a pull waits as a header. */
  readonly pullCopies: number;
  /** Requests of one stream that are not answered yet. At the limit a request is answered with `mailbox_full`. */
  readonly requestsInFlight: number;
  /** Connections; at the limit a new one is closed at once. */
  readonly connections: number;
  /** Deadline of a request that names none, and the longest one that is granted, ms. */
  readonly maximumDeadlineMs: number;
  /** How long values may take to leave; a worker that reads more slowly loses its stream, ms. */
  readonly sendMs: number;
  /** After this long without a request a shard's regions are given back, ms. */
  readonly idleMs: number;
}

export const defaultServiceBounds: ServiceBounds = {
  stagingSlots: 2,
  stagingBytes: 32 * 2 ** 20,
  pullCopies: 2,
  requestsInFlight: 64,
  connections: 1024,
  maximumDeadlineMs: 600_000,
  sendMs: 60_000,
  idleMs: 10_000,
};

/** A shard answers by its deadline; after this much longer the service answers for it, and takes its region back. */
export const shardGraceMs = 1_000;

/** How long a contribution waits for a region before it is asked whether it holds itself up, ms. */
export const stagingPatienceMs = 500;
