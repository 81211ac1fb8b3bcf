/** The network's thread of a client, as the program's thread sees it. */
import { systemClock } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import type { ClientEnd, ClientState, FromNetwork, NetworkStart, ToNetwork } from "./join-messages.ts";
import type { JoinThread } from "./join-place.ts";
import type { JoinEvent } from "./join-task.ts";
import { createThreadCalls } from "./thread-calls.ts";

export interface NetworkThread {
  /** Settles when it is let in. */
  readonly joined: Promise<{ readonly client: string; readonly task: string }>;
  readonly ended: Promise<string>;
  /** Settles when the thread is there no more. */
  readonly over: Promise<void>;
  /** @param compute - to the compute thread; given away */
  begin(start: NetworkStart, compute: MessagePort): void;
  readonly tell: (message: ToNetwork) => void;
  readonly look: () => Promise<ClientState>;
  /** Says goodbye; the thread ends, at the latest after `closeLimitMs`. */
  readonly close: () => Promise<void>;
  /** As `close`, and this is why. */
  fail(error: ShoalError): Promise<void>;
}

const closeLimitMs = 5_000;
const nothing: ClientState = { model: undefined, traffic: { sent: 0, received: 0 } };

export function startNetwork(thread: JoinThread, onEvent: (event: JoinEvent) => void): NetworkThread {
  const joined = Promise.withResolvers<{ readonly client: string; readonly task: string }>();
  const ended = Promise.withResolvers<string>();
  const over = Promise.withResolvers<void>();
  const calls = createThreadCalls<ClientState>("network");
  let failure: ShoalError | undefined;
  let last: ClientState | undefined;
  // Whoever does not ask how it ended is not told by a crash.
  for (const { promise } of [joined, ended]) promise.catch(() => undefined);
  const tell = (message: ToNetwork, transfer: Transferable[] = []): void =>
    thread.port.postMessage(message, { transfer });
  const settle = (end: ClientEnd, state: ClientState): void => {
    if (last !== undefined) return;
    last = state;
    const error = failure ?? ("error" in end ? ShoalError.deserialize(end.error) : undefined);
    joined.reject(error ?? cancelled());
    if (error === undefined && "reason" in end) ended.resolve(end.reason);
    else ended.reject(error);
    calls.fail(error ?? cancelled());
    thread.terminate();
    over.resolve();
  };
  const giveUp = (error: ShoalError): void => settle({ error: error.toJSON() }, nothing);
  const close = async (): Promise<void> => {
    if (last === undefined) tell({ type: "close" });
    const limit = systemClock.after(closeLimitMs, () => giveUp(cancelled()));
    await over.promise;
    limit.cancel();
  };
  thread.port.addEventListener("message", ({ data }) => {
    const message = data as FromNetwork;
    switch (message.type) {
      case "event":
        return onEvent(message.event);
      case "joined":
        return joined.resolve(message);
      case "looked":
        return calls.answer(message.call, message.state);
      case "over":
        settle(message.end, message.state);
    }
  });
  thread.onDeath((reason) => giveUp(new ShoalError("internal", `the client's network thread died: ${reason}`)));
  return {
    ...{ joined: joined.promise, ended: ended.promise, over: over.promise, tell, close },
    begin: (start, compute) => tell({ type: "start", start, compute }, [compute]),
    async look() {
      return last ?? (await calls.ask((call) => tell({ type: "look", call })));
    },
    fail(error) {
      failure ??= error;
      return close();
    },
  };
}

export function cancelled(): ShoalError {
  return new ShoalError("cancelled", "the client was closed");
}
