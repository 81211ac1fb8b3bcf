/**
 * A worker's connection to the shards of one server: the one interface that every transport implements and that
 * `test/contract/link` holds them all to.
 *
 * Invariants
 *   L1  Requests of one link to one shard reach the shard in the order of the calls; a pull that has to wait for memory
 *       may be overtaken by a push that was called later, so it can see more updates than asked for, never fewer.
 *   L2  Every call settles by its deadline: with a reply, or with a ShoalError (`deadline_exceeded` lists whom the
 *       shard was waiting for when it knows).
 *   L3  A call that failed may or may not have taken effect; repeating it with the same sequence number is safe.
 *   L4  After settling, the link holds no reference to the caller's buffers.
 */
import type {
  InitializeReply,
  InitializeRequest,
  LinkIdentity,
  PullReply,
  PullRequest,
  PushPullReply,
  PushReply,
  PushRequest,
} from "./requests.ts";

export interface CallOptions {
  /** Milliseconds until the call fails with `deadline_exceeded`. */
  readonly deadlineMs: number;
  /** Once aborted, ends the call with the signal's reason, a ShoalError; what it says of its effect is L3. */
  readonly signal?: AbortSignal | undefined;
}

export interface ParameterLink {
  initialize(request: InitializeRequest, options: CallOptions): Promise<InitializeReply>;
  push(request: PushRequest, options: CallOptions): Promise<PushReply>;
  pull(request: PullRequest, options: CallOptions): Promise<PullReply>;
  /** Push, then pull of the same shard, in one exchange: the pull is answered when its gate opens after the push. */
  pushPull(push: PushRequest, pull: PullRequest, options: CallOptions): Promise<PushPullReply>;
  /** Ends the connection; calls under way fail with `cancelled`. Idempotent. */
  close(): Promise<void>;
}

/** Makes links to servers; the composition root decides of which kind. */
export interface LinkFactory {
  /** @param endpoint what the server told the coordinator when it joined: `host:port`, or its node name in-process */
  connect(endpoint: string, identity: LinkIdentity): ParameterLink;
}
