/**
 * The pending asks of one node.
 *
 * Boundary    Knows nothing of actors: it hands out reply names and settles them.
 * Bounds      {@link maximumPendingAsks}; beyond it an ask rejects with `mailbox_full`.
 * Invariants
 *   I1  every ask settles: by the first reply, an error, its deadline, or `rejectAll`.
 *   I2  a reply name is used once, also across restarts of the node (`incarnation`).
 */
import { ShoalError } from "@shoal/errors";
import type { Address } from "./address.ts";
import type { Clock, Timer } from "./clock.ts";
import type { AskOptions } from "./ref.ts";
import type { Wait } from "./system.ts";

export const maximumPendingAsks = 65_536;

/** Names of reply addresses begin so; actors may not. */
export const replyPrefix = "reply-";

interface Pending {
  readonly wait: Wait;
  readonly timer: Timer;
  readonly accepts: ((body: unknown) => unknown) | undefined;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: ShoalError) => void;
}

export interface Asks {
  /** Opens a wait; the promise settles by I1. @throws ShoalError `mailbox_full`, RangeError for the deadline */
  open<R>(target: Address, options: AskOptions<R>): { readonly name: string; readonly reply: Promise<R> };
  /** False when nobody waits under this name (any more). `fromBus` replies go through `accepts`. */
  settle(name: string, reply: unknown, fromBus: boolean): boolean;
  fail(name: string, error: ShoalError): boolean;
  waits(): readonly Wait[];
  rejectAll(make: (wait: Wait) => ShoalError): void;
}

export function createAsks(node: string, incarnation: string, clock: Clock): Asks {
  const pending = new Map<string, Pending>();
  let count = 0;

  const take = (name: string): Pending | undefined => {
    const found = pending.get(name);
    if (found === undefined) return undefined;
    pending.delete(name);
    found.timer.cancel();
    return found;
  };

  const fail = (name: string, error: ShoalError): boolean => {
    const found = take(name);
    found?.reject(error);
    return found !== undefined;
  };

  return {
    open<R>(target: Address, options: AskOptions<R>) {
      checkRoom(node, pending.size, options.deadlineMs);
      const name = `${replyPrefix}${incarnation}-${(count++).toString(36)}`;
      const wait = describeWait(node, target, options, clock.now());
      const { promise, resolve, reject } = Promise.withResolvers<R>();
      const timer = clock.after(options.deadlineMs, () => {
        fail(name, deadlineError(wait));
      });
      pending.set(name, {
        wait,
        timer,
        accepts: options.accepts,
        resolve: resolve as (reply: unknown) => void,
        reject,
      });
      return { name, reply: promise };
    },
    settle(name, reply, fromBus) {
      const found = take(name);
      if (found === undefined) return false;
      try {
        found.resolve(fromBus && found.accepts !== undefined ? found.accepts(reply) : reply);
      } catch (error) {
        found.reject(refusedReply(found.wait, error));
      }
      return true;
    },
    fail,
    waits: () => Array.from(pending.values(), (entry) => entry.wait),
    rejectAll(make) {
      for (const [name, entry] of pending) fail(name, make(entry.wait));
    },
  };
}

function checkRoom(node: string, pending: number, deadlineMs: number): void {
  if (!(deadlineMs > 0 && Number.isFinite(deadlineMs))) {
    throw new RangeError(`deadlineMs must be a finite number above 0, not ${String(deadlineMs)}`);
  }
  if (pending < maximumPendingAsks) return;
  throw new ShoalError("mailbox_full", `node ${node} already waits for ${String(pending)} replies`, {
    node,
    capacity: maximumPendingAsks,
  });
}

function describeWait(node: string, waitingFor: Address, options: AskOptions, now: number): Wait {
  const { deadlineMs, owner = node, reason } = options;
  return { owner, waitingFor, reason, sinceMs: now, deadlineAtMs: now + deadlineMs };
}

function deadlineError(wait: Wait): ShoalError {
  const deadlineMs = wait.deadlineAtMs - wait.sinceMs;
  return new ShoalError(
    "deadline_exceeded",
    `no reply from ${wait.waitingFor} within ${String(Math.round(deadlineMs))} ms; ${wait.owner} waited ${wait.reason}`,
    { waitingFor: wait.waitingFor, owner: wait.owner, reason: wait.reason, deadlineMs },
  );
}

function refusedReply(wait: Wait, cause: unknown): ShoalError {
  const sentence = cause instanceof Error ? cause.message : String(cause);
  return new ShoalError(
    "codec_failed",
    `the reply of ${wait.waitingFor} is not what ${wait.owner} expected: ${sentence}`,
    { waitingFor: wait.waitingFor },
    { cause },
  );
}
