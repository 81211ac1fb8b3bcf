/** The timers of one life of an actor: at most {@link maximumTimers}, all gone with it. */
import { ShoalError } from "@shoal/errors";
import type { Address } from "./address.ts";
import type { Clock, Timer } from "./clock.ts";
import { runInContext } from "./trace-context.ts";

export const maximumTimers = 1024;

/** How long a timer that met a full mailbox waits before it tries again. */
const retryMs = 10;

export interface ActorTimers<M> {
  /** @throws ShoalError `mailbox_full` - there are `maximumTimers` already */
  after(delayMs: number, message: M): Timer;
  cancelAll(): void;
}

/** @param deliver - offers the message; false when the mailbox is full */
export function createActorTimers<M>(owner: Address, clock: Clock, deliver: (message: M) => boolean): ActorTimers<M> {
  const pending = new Set<{ timer: Timer }>();
  let open = true;

  const arm = (entry: { timer: Timer }, delayMs: number, message: M): void => {
    entry.timer = clock.after(delayMs, () => {
      // The empty context: a timer begins something new and must not prolong the trace in which it was set.
      const delivered = runInContext(undefined, () => deliver(message));
      if (delivered) pending.delete(entry);
      else arm(entry, retryMs, message);
    });
  };
  const cancel = (entry: { timer: Timer }): void => {
    if (pending.delete(entry)) entry.timer.cancel();
  };
  return {
    after(delayMs, message) {
      const entry = { timer: noTimer };
      if (!open) return noTimer;
      if (pending.size >= maximumTimers) throw tooManyTimers(owner);
      pending.add(entry);
      arm(entry, delayMs, message);
      return {
        cancel: () => {
          cancel(entry);
        },
      };
    },
    cancelAll() {
      open = false;
      for (const entry of pending) cancel(entry);
    },
  };
}

const noTimer: Timer = { cancel: () => undefined };

function tooManyTimers(owner: Address): ShoalError {
  return new ShoalError("mailbox_full", `${owner} already has ${String(maximumTimers)} timers pending`, {
    actor: owner,
    capacity: maximumTimers,
  });
}
