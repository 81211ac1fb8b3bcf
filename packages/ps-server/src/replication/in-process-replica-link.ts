/**
 * Link to copies of shards in the same process: messages to their actors, vectors and parts by reference.
 *
 * Invariants  Those of `ReplicaLink`: calls reach a shard in their order, each settles by its deadline, and after it has
 *             settled nobody reads what it lent: a shard that comes to the message later finds it of a term that is over.
 */
import type { Clock, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type {
  CallOptions,
  Refusal,
  ReplicaLink,
  ReplicaLinkFactory,
  SeatHolder,
  ShardCommand,
  ShardDirectory,
} from "@shoal/protocol";

export interface InProcessReplicaLinkOptions {
  /** The shards of the server that joined with this endpoint; undefined when it is not of this process. */
  readonly directoryOf: (endpoint: string) => ShardDirectory | undefined;
  readonly clock: Clock;
}

/** Makes links that hand messages straight to the shard actors of this process, on whose kernel memory all of them work. */
export function createInProcessReplicaLinks(options: InProcessReplicaLinkOptions): ReplicaLinkFactory {
  return { connect: (to, run) => createLink(to, run, options) };
}

type Ended = (error: ShoalError) => void;

/** What the calls of one link share. */
interface LinkState extends InProcessReplicaLinkOptions {
  readonly to: SeatHolder;
  readonly run: string;
  /** How to end the calls under way. */
  readonly open: Set<Ended>;
  isClosed: boolean;
}

function createLink(to: SeatHolder, run: string, options: InProcessReplicaLinkOptions): ReplicaLink {
  const state: LinkState = { ...options, to, run, open: new Set(), isClosed: false };
  return {
    replicate: (entry, call) =>
      ask(state, `entry ${entry.index} of shard ${entry.shard} of run ${run}`, call, (replyTo, isOver) =>
        find(state, entry.shard).tell({
          type: "replicate",
          get entry() {
            return isOver() ? { ...entry, term: overTerm, vector: nothing } : entry;
          },
          replyTo,
        }),
      ),
    install: (part, call) =>
      ask(state, `the state of shard ${part.shard} of run ${run}`, call, (replyTo, isOver) =>
        find(state, part.shard).tell({
          type: "install",
          get part() {
            return isOver() ? { ...part, term: overTerm } : part;
          },
          replyTo,
        }),
      ),
    async close() {
      state.isClosed = true;
      const error = new ShoalError("cancelled", `the link to ${to.node} has been closed`);
      for (const end of state.open) end(error);
    },
  };
}

function ask<R extends { readonly type: string }>(
  state: LinkState,
  what: string,
  { deadlineMs, signal }: CallOptions,
  tell: (replyTo: Ref<R | Refusal>, isOver: () => boolean) => void,
): Promise<R> {
  const { to, run, open, clock } = state;
  const { promise, resolve, reject } = Promise.withResolvers<R>();
  let isOver = false;
  const settle = (how: () => void): void => {
    if (isOver) return;
    isOver = true;
    timer.cancel();
    open.delete(end);
    signal?.removeEventListener("abort", ended);
    how();
  };
  const end: Ended = (error) => settle(() => reject(error));
  const ended = (): void => end(ShoalError.from(signal?.reason));
  const timer = clock.after(deadlineMs, () => {
    const sentence = `${what} waits for ${to.node} since ${deadlineMs} ms`;
    end(new ShoalError("deadline_exceeded", sentence, { run, waitingFor: to.node, waitedMs: deadlineMs }));
  });
  open.add(end);
  signal?.addEventListener("abort", ended, { once: true });
  const replyTo: Ref<R | Refusal> = {
    address: `${to.node}/replica-link`,
    tell(reply) {
      if (isRefusal(reply)) end(ShoalError.deserialize(reply.error));
      else settle(() => resolve(reply));
    },
  };
  try {
    if (signal?.aborted === true) throw ShoalError.from(signal.reason);
    if (state.isClosed) throw new ShoalError("cancelled", `the link to ${to.node} is closed`);
    tell(replyTo, () => isOver);
  } catch (error) {
    end(ShoalError.from(error));
  }
  return promise;
}

function find({ directoryOf, to, run }: LinkState, shard: number): Ref<ShardCommand> {
  const directory = directoryOf(to.endpoint);
  if (directory === undefined) {
    throw new ShoalError("transport_lost", `no server of this process answers at ${to.endpoint}`, {
      endpoint: to.endpoint,
    });
  }
  const found = directory.find(run, shard);
  if (found !== undefined) return found;
  throw new ShoalError("unknown_shard", `${to.node} holds no shard ${shard} of run ${run}`, { run, shard });
}

/** Below every term of a seat: what says it is refused. */
const overTerm = -1;
const nothing = new Float32Array(0);

function isRefusal(reply: { readonly type: string }): reply is Refusal {
  return reply.type === "refused";
}
