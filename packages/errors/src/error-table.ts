/**
 * The table of every error code that Shoal can raise: one row a code, the whole vocabulary in one place.
 *
 * A row says whether the same call may succeed later (`retry`), which gRPC status carries it (numbers of the gRPC
 * specification, "Status codes and their use in gRPC") and which exit code the command line ends with. What a code means
 * stands in `error-meanings.ts`, so that pages need not load it; `docs/ERRORS.md` is generated from both.
 */

/** Whether repeating the failed call can help. */
export type Retry = "never" | "after_backoff" | "after_rejoin";

export interface ErrorRow {
  readonly retry: Retry;
  readonly grpcStatus: number;
  readonly exitCode: number;
}

const row = (retry: Retry, grpcStatus: number, exitCode: number): ErrorRow => ({
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
  invalid_argument: row("never", 3, 2),
  invalid_job: row("never", 3, 2),
  layout_mismatch: row("never", 3, 1),
  codec_failed: row("never", 3, 1),
  payload_too_large: row("never", 8, 1),
  not_finite: row("never", 3, 1),
  unauthenticated: row("never", 16, 1),
  permission_denied: row("never", 7, 1),
  mailbox_full: row("after_backoff", 8, 1),
  actor_not_found: row("after_rejoin", 5, 1),
  actor_stopped: row("after_rejoin", 14, 1),
  deadline_exceeded: row("after_backoff", 4, 1),
  transport_lost: row("after_backoff", 14, 1),
  store_conflict: row("after_backoff", 10, 1),
  store_unavailable: row("after_backoff", 14, 1),
  unknown_shard: row("after_rejoin", 5, 1),
  stale_term: row("after_rejoin", 9, 1),
  not_primary: row("after_backoff", 9, 1),
  not_a_member: row("after_rejoin", 9, 1),
  run_not_found: row("never", 5, 1),
  run_failed: row("never", 9, 1),
  cannot_learn: row("never", 9, 1),
  server_lost: row("never", 14, 1),
  no_capacity: row("after_backoff", 14, 1),
  too_few_clients: row("after_backoff", 9, 1),
  privacy_budget_spent: row("never", 9, 1),
  update_needed: row("never", 9, 1),
  data_not_found: row("never", 5, 1),
  data_corrupt: row("never", 15, 1),
  snapshot_corrupt: row("never", 15, 1),
  missing_tool: row("never", 9, 1),
  port_in_use: row("after_backoff", 14, 1),
  cluster_exists: row("never", 6, 1),
  file_not_writable: row("never", 9, 1),
  out_of_memory: row("never", 8, 1),
  cancelled: row("never", 1, 130),
  internal: row("never", 13, 1),
};

/** True for a string that is a row of the table: the check for codes that arrive from outside. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorTable, value);
}
