/**
 * The calls of an in-process link that wait for their shard's answer.
 *
 * Each call has a one-shot reply reference and a timer. The shard itself answers at the deadline, because it knows whom
 * it waits for; the timer stands behind it, `graceMs` later, for a shard that has stopped or fallen behind.
 */
import type { Clock, Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { CallOptions, Refusal } from "@shoal/protocol";
import { whenAborted } from "../time/when-aborted.ts";

/** One call under way. */
export interface Call<R> {
  /** Given to the shard; only the first reply counts. */
  readonly replyTo: Ref<R | Refusal>;
  readonly promise: Promise<R>;
  readonly settled: boolean;
  /** Time left for the shard to answer, ms; 0 when the deadline has passed. */
  remainingMs(): number;
  readonly fail: (error: ShoalError) => void;
}

export interface CallTable {
  /** @param what a phrase that names call and shard, for errors: "push of clock 3 to shard 1 of run r" */
  open<R>(what: string, options: CallOptions): Call<R>;
  /** Fails every call under way, and every later one at once, with `cancelled`. */
  close(): void;
}

export interface CallTableOptions {
  readonly clock: Clock;
  /** Address of the asking end, for people: "worker-1/link". */
  readonly address: string;
  /** Time beyond the deadline that the shard has for its own, better, answer. */
  readonly graceMs: number;
}

/** Makes an empty table. Bounded by its user: the parameter client has a few calls under way for each shard. */
export function createCallTable(options: CallTableOptions): CallTable {
  const open = new Set<(error: ShoalError) => void>();
  let isClosed = false;
  return {
    open<R>(what: string, { deadlineMs, signal }: CallOptions): Call<R> {
      let unwatch = (): void => undefined;
      const call = createCall<R>(what, deadlineMs, options, () => {
        open.delete(call.fail);
        unwatch();
      });
      open.add(call.fail);
      unwatch = whenAborted(signal, call.fail);
      if (isClosed) call.fail(cancelled());
      return call;
    },
    close() {
      isClosed = true;
      for (const fail of open) fail(cancelled());
    },
  };
}

function createCall<R>(what: string, deadlineMs: number, options: CallTableOptions, onSettled: () => void): Call<R> {
  const { clock, address, graceMs } = options;
  const { promise, resolve, reject } = Promise.withResolvers<R>();
  const startedAtMs = clock.now();
  let settled = false;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    timer.cancel();
    onSettled();
    return true;
  };
  const fail = (error: ShoalError): void => {
    if (settle()) reject(error);
  };
  const timer = clock.after(deadlineMs + graceMs, () => fail(silence(what, clock.now() - startedAtMs)));
  const tell = (reply: R | Refusal): void => {
    if (isRefusal(reply)) fail(ShoalError.deserialize(reply.error));
    else if (settle()) resolve(reply);
  };
  return {
    replyTo: { address, tell },
    promise,
    get settled() {
      return settled;
    },
    remainingMs: () => Math.max(0, startedAtMs + deadlineMs - clock.now()),
    fail,
  };
}

function isRefusal(reply: unknown): reply is Refusal {
  return (reply as { readonly type: unknown }).type === "refused";
}

function silence(what: string, waitedMs: number): ShoalError {
  const sentence = `${what}: the shard did not answer for ${waitedMs.toFixed(0)} ms`;
  return new ShoalError("deadline_exceeded", sentence, { waitedForMs: waitedMs, waitedFor: what });
}

function cancelled(): ShoalError {
  return new ShoalError("cancelled", "the link to the parameter server was closed");
}
