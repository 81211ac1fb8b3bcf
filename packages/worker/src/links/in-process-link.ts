/**
 * Link to shards of the same process: messages to the shard actors, vectors by reference.
 *
 * A push copies nothing when the gradient lies in kernel memory; a pull is one `memory.copy` within the shard's turn.
 * Invariants  L1–L4 of `ParameterLink`. Where the shard has a gradient in hand when the link is closed, `close` settles
 *             only when the shard has let go of it, at the latest `graceMs` after the push's deadline.
 */
import type { Clock, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type {
  CallOptions,
  InitializeReply,
  InitializeRequest,
  LinkFactory,
  LinkIdentity,
  ParameterLink,
  PullReply,
  PullRequest,
  PushPullReply,
  PushReply,
  PushRequest,
  ShardCommand,
  ShardDirectory,
} from "@shoal/protocol";
import { createCallTable, type Call, type CallTable } from "./call-table.ts";
import { copyFloats } from "./copy-floats.ts";
import { lendGradient, type GradientLoan } from "./gradient-loan.ts";

export interface InProcessLinkOptions {
  /** The shards of the server that joined with this endpoint; undefined when it is not of this process. */
  readonly directoryOf: (endpoint: string) => ShardDirectory | undefined;
  /** The memory of the process: shards and workers have their vectors in it. */
  readonly memory: KernelMemory;
  readonly kernels: Pick<Kernels, "copy">;
  readonly clock: Clock;
  /** Time beyond a call's deadline before a silent shard is given up: 100 ms. */
  readonly graceMs?: number;
}

/** Makes links that hand messages straight to the shard actors of this process. */
export function createInProcessLinkFactory(options: InProcessLinkOptions): LinkFactory {
  return { connect: (endpoint, identity) => createInProcessLink(endpoint, identity, options) };
}

/** What the calls of one link share. */
interface LinkState extends InProcessLinkOptions {
  readonly endpoint: string;
  readonly identity: LinkIdentity;
  readonly graceMs: number;
  readonly calls: CallTable;
  /** Gradients that a shard may read. */
  readonly loans: Set<GradientLoan>;
}

function createInProcessLink(endpoint: string, identity: LinkIdentity, options: InProcessLinkOptions): ParameterLink {
  const { clock, graceMs = 100 } = options;
  const calls = createCallTable({ clock, address: `${identity.name}/link`, graceMs });
  const state: LinkState = { ...options, endpoint, identity, graceMs, calls, loans: new Set() };
  return {
    initialize: (request, call) => initialize(state, request, call).promise,
    push: (request, call) => push(state, request, call).promise,
    pull: (request, call) => pull(state, request, call).promise,
    pushPull: (pushRequest, pullRequest, call) => pushPull(state, pushRequest, pullRequest, call),
    async close() {
      calls.close();
      await Promise.all([...state.loans].map((loan) => loan.ended));
    },
  };
}

function initialize(
  state: LinkState,
  { shard, values }: InitializeRequest,
  options: CallOptions,
): Call<InitializeReply> {
  const call = state.calls.open<InitializeReply>(`initialize of shard ${shard} of run ${state.identity.run}`, options);
  tellShard(call, () => findShard(state, shard).tell({ type: "initialize", values, replyTo: call.replyTo }));
  return call;
}

function push(state: LinkState, request: PushRequest, options: CallOptions): Call<PushReply> {
  const call = state.calls.open<PushReply>(describe("push", request, state.identity), options);
  tellShard(call, () => {
    const shard = findShard(state, request.shard);
    const loan = lend(state, request, call);
    shard.tell({
      type: "push",
      sender: state.identity,
      get push() {
        return loan.push;
      },
      get deadlineMs() {
        return call.remainingMs();
      },
      release: loan.end,
      replyTo: call.replyTo,
    });
  });
  return call;
}

function lend(state: LinkState, request: PushRequest, call: Call<PushReply>): GradientLoan {
  const loan = lendGradient(request, state.memory, state.kernels);
  state.loans.add(loan);
  const settleAfterFailure = (): void => {
    // A shard that has the gradient in hand lets go of it at the deadline; one that has not by then is no more.
    if (!loan.revoke()) state.clock.after(call.remainingMs() + state.graceMs, loan.end);
  };
  void call.promise.then(loan.end, settleAfterFailure);
  void loan.ended.then(() => state.loans.delete(loan));
  return loan;
}

function pull(state: LinkState, request: PullRequest, options: CallOptions): Call<PullReply> {
  const call = state.calls.open<PullReply>(describe("pull", request, state.identity), options);
  const receive: Extract<ShardCommand, { type: "pull" }>["receive"] = (data, _version, form): void => {
    if (call.settled) return; // L4
    const into = form === "difference" ? request.difference : request.into;
    if (data.length === into?.length) copyFloats(data, into, state.memory, state.kernels);
    else call.fail(mismatch(request.shard, into?.length ?? 0, data.length));
  };
  tellShard(call, () =>
    findShard(state, request.shard).tell({
      type: "pull",
      sender: state.identity,
      clock: request.clock,
      have: request.have,
      former: request.former,
      get deadlineMs() {
        return call.remainingMs();
      },
      receive,
      replyTo: call.replyTo,
    }),
  );
  return call;
}

async function pushPull(
  state: LinkState,
  pushRequest: PushRequest,
  pullRequest: PullRequest,
  options: CallOptions,
): Promise<PushPullReply> {
  const pushed = push(state, pushRequest, options);
  const pulled = pull(state, pullRequest, options);
  // A push that failed leaves a pull whose gate may never open: it must not hold the caller's buffer.
  pushed.promise.catch((error: unknown) => pulled.fail(ShoalError.from(error)));
  const [pushOutcome, pullOutcome] = await Promise.allSettled([pushed.promise, pulled.promise]);
  if (pushOutcome.status === "rejected") throw ShoalError.from(pushOutcome.reason);
  if (pullOutcome.status === "rejected") throw ShoalError.from(pullOutcome.reason);
  return { push: pushOutcome.value, pull: pullOutcome.value };
}

/** Hands the message over; what prevents that is the call's outcome, never an exception. */
function tellShard<R>(call: Call<R>, tell: () => void): void {
  if (call.settled) return;
  try {
    tell();
  } catch (error) {
    call.fail(ShoalError.from(error));
  }
}

function findShard({ directoryOf, endpoint, identity }: LinkState, shard: number): Ref<ShardCommand> {
  const { run } = identity;
  const directory = directoryOf(endpoint);
  if (directory === undefined) {
    throw new ShoalError("transport_lost", `no server of this process answers at ${endpoint}`, { endpoint });
  }
  const found = directory.find(run, shard);
  if (found !== undefined) return found;
  throw new ShoalError("unknown_shard", `${endpoint} holds no shard ${shard} of run ${run}`, { endpoint, run, shard });
}

function describe(kind: string, request: PushRequest | PullRequest, { name, run }: LinkIdentity): string {
  return `${kind} of clock ${request.clock} by ${name} to shard ${request.shard} of run ${run}`;
}

function mismatch(shard: number, room: number, size: number): ShoalError {
  const sentence = `shard ${shard} has ${size} values, the caller has room for ${room}`;
  return new ShoalError("layout_mismatch", sentence, { shard, size, room });
}
