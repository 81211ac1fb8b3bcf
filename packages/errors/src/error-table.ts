/**
 * The table of every error code that Shoal can raise: one row a code, the whole vocabulary in one place.
 *
 * A row says what the code means, whether the same call may succeed later (`retry`), which gRPC status carries it
 * (numbers of the gRPC specification, "Status codes and their use in gRPC") and which exit code the command line
 * ends with. `docs/ERRORS.md` is generated from this table.
 */

/** Whether repeating the failed call can help. */
export type Retry = "never" | "after_backoff" | "after_rejoin";

export interface ErrorRow {
  readonly meaning: string;
  readonly retry: Retry;
  readonly grpcStatus: number;
  readonly exitCode: number;
}

const row = (meaning: string, retry: Retry, grpcStatus: number, exitCode: number): ErrorRow => ({
  meaning,
  retry,
  grpcStatus,
  exitCode,
});

/** Every code there is. */
export type ErrorCode =
  | "invalid_argument"
  | "invalid_job"
  | "layout_mismatch"
  | "codec_failed"
  | "payload_too_large"
  | "not_finite"
  | "unauthenticated"
  | "permission_denied"
  | "mailbox_full"
  | "actor_not_found"
  | "actor_stopped"
  | "deadline_exceeded"
  | "transport_lost"
  | "store_conflict"
  | "store_unavailable"
  | "unknown_shard"
  | "stale_term"
  | "not_primary"
  | "not_a_member"
  | "run_not_found"
  | "run_failed"
  | "cannot_learn"
  | "server_lost"
  | "no_capacity"
  | "too_few_clients"
  | "privacy_budget_spent"
  | "update_needed"
  | "data_not_found"
  | "data_corrupt"
  | "snapshot_corrupt"
  | "missing_tool"
  | "port_in_use"
  | "cluster_exists"
  | "file_not_writable"
  | "out_of_memory"
  | "cancelled"
  | "internal";

export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = {
  invalid_argument: row("A value from outside fails its check; the details name the field.", "never", 3, 2),
  invalid_job: row("A job description fails its check before anything started.", "never", 3, 2),
  layout_mismatch: row("A vector's length differs from the key range it is meant for.", "never", 3, 1),
  codec_failed: row("Bytes from outside do not decode to a known message.", "never", 3, 1),
  payload_too_large: row("A message is above the limit of its transport.", "never", 8, 1),
  not_finite: row("A vector holds NaN or an infinity.", "never", 3, 1),
  unauthenticated: row("The caller's credentials are missing or wrong.", "never", 16, 1),
  permission_denied: row("The caller may not do this.", "never", 7, 1),
  mailbox_full: row("An actor's mailbox is at its capacity.", "after_backoff", 8, 1),
  actor_not_found: row("No actor answers at this address.", "after_rejoin", 5, 1),
  actor_stopped: row("The actor stopped before it could handle the message.", "after_rejoin", 14, 1),
  deadline_exceeded: row(
    "A wait ended without its answer; the details name who was waited for.",
    "after_backoff",
    4,
    1,
  ),
  transport_lost: row("The connection to a peer broke or could not be made.", "after_backoff", 14, 1),
  store_conflict: row("A compare-and-set met another revision than expected.", "after_backoff", 10, 1),
  store_unavailable: row("The state store cannot be reached.", "after_backoff", 14, 1),
  unknown_shard: row("This server does not hold the shard.", "after_rejoin", 5, 1),
  stale_term: row("The sender acts under a term that has been superseded.", "after_rejoin", 9, 1),
  not_primary: row(
    "This server's copy of the shard is not the primary's; the details name the term, and the primary if it is known.",
    "after_backoff",
    9,
    1,
  ),
  not_a_member: row("The coordinator does not know this node, or its lease has ended.", "after_rejoin", 9, 1),
  run_not_found: row("No run has this identifier.", "never", 5, 1),
  run_failed: row("A run ended with an error; the message names its cause.", "never", 9, 1),
  cannot_learn: row("The guard of a run has stopped it: it could not learn; the message says why.", "never", 9, 1),
  server_lost: row("A parameter server's lease ended while it held shards of a run.", "never", 14, 1),
  no_capacity: row("The cluster has no member that could do the work.", "after_backoff", 14, 1),
  too_few_clients: row(
    "A federated rule needs more clients than have contributed; the details say how many.",
    "after_backoff",
    9,
    1,
  ),
  privacy_budget_spent: row(
    "A federated round would cost more privacy than the task has promised; the details say how much it would be.",
    "never",
    9,
    1,
  ),
  update_needed: row(
    "The other side speaks a newer release of the protocol: this one has to be updated.",
    "never",
    9,
    1,
  ),
  data_not_found: row("A data set is at none of the places that were searched.", "never", 5, 1),
  data_corrupt: row("A data file is short or malformed; the details give file and position.", "never", 15, 1),
  snapshot_corrupt: row("A snapshot fails its checks.", "never", 15, 1),
  missing_tool: row("A program that this command needs is not installed.", "never", 9, 1),
  port_in_use: row("Another process listens on the port.", "after_backoff", 14, 1),
  cluster_exists: row("A cluster of this name is up on this machine already.", "never", 6, 1),
  file_not_writable: row("A file or folder cannot be written.", "never", 9, 1),
  out_of_memory: row("The kernel memory has no region of the requested size.", "never", 8, 1),
  cancelled: row("The caller gave up, or the process is shutting down.", "never", 1, 130),
  internal: row("A broken promise inside Shoal: a bug. Please report it.", "never", 13, 1),
};

/** True for a string that is a row of the table: the check for codes that arrive from outside. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorTable, value);
}
