/**
 * A connection to a nats-server over WebSocket that comes back by itself, for ever: one line after another.
 *
 * Invariants
 *   K1  one loop opens all lines, one at a time: hours without a server cost no memory.
 *   K2  subscriptions are told to a new line before anybody hears that it is there.
 *   K3  a request ends with its answer, its deadline, or its line: none is repeated here, because whoever asks knows whether
 *       it still wants to.
 * Bounds  `mostRequests` wait for answers; what is asked beyond is refused with `no_capacity`.
 */
import type { Clock, Random } from "@shoal/actors/browser";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { LinkReply, PlaneLink } from "../plane/link-plane.ts";
import { ask, hear, type Question } from "./ask-and-hear.ts";
import { openNatsLine, type NatsLine, type NatsLineOptions } from "./nats-line.ts";
import type { ReconnectHints } from "./reconnect-hints.ts";
import { createReconnectPace, type ReconnectPace } from "./reconnect-pace.ts";

export interface NatsLinkOptions {
  readonly line: NatsLineOptions;
  readonly clock: Clock;
  readonly random: Random;
  /** Of moments at which it should not wait any longer; default: none. */
  readonly hints?: ReconnectHints | undefined;
  /** The server does not take this login, or not any more. */
  readonly onLoginRefused: () => void;
}

export interface NatsLink extends PlaneLink {
  /** Bytes of messages so far, without WebSocket's and TLS's own. */
  traffic(): Traffic;
}

interface Traffic {
  readonly sent: number;
  readonly received: number;
}

export const mostRequests = 256;

interface Heard {
  readonly subject: string;
  readonly onData: (data: Uint8Array) => void;
  /** On the newest line. */
  stop: (() => void) | undefined;
}

interface LinkState {
  readonly options: NatsLinkOptions;
  readonly closing: AbortController;
  readonly subscriptions: Set<Heard>;
  readonly watchers: Set<(isConnected: boolean) => void>;
  line: NatsLine | undefined;
  requests: number;
  /** Of the lines that have ended. */
  traffic: Traffic;
}

/** @throws ShoalError unauthenticated, transport_lost - the first line cannot be opened */
export async function openNatsLink(options: NatsLinkOptions): Promise<NatsLink> {
  const state: LinkState = {
    ...{ options, closing: new AbortController(), subscriptions: new Set(), watchers: new Set() },
    ...{ line: undefined, requests: 0, traffic: { sent: 0, received: 0 } },
  };
  const over = keepUp(state, await openNatsLine(options.line, options.clock, state.closing.signal));
  return {
    request: (subject, body, timeoutMs) => request(state, { subject, body, timeoutMs }),
    subscribe: (subject, onData) => subscribe(state, { subject, onData, stop: undefined }),
    watch(onChange) {
      state.watchers.add(onChange);
      onChange(state.line !== undefined);
      return () => state.watchers.delete(onChange);
    },
    traffic: () => withTraffic(state.traffic, state.line),
    async close() {
      state.closing.abort();
      await over;
    },
  };
}

async function keepUp(state: LinkState, first: NatsLine): Promise<void> {
  const { clock, random, hints, onLoginRefused } = state.options;
  const pace = createReconnectPace({ clock, random, hints });
  for (let line: NatsLine | undefined = first; line !== undefined; line = await openNext(state, pace)) {
    use(state, line);
    const reason = await line.ended;
    state.line = undefined;
    state.traffic = withTraffic(state.traffic, line);
    for (const tell of state.watchers) tell(false);
    if (isShoalError(reason, "unauthenticated")) onLoginRefused();
  }
  pace.close();
}

function use(state: LinkState, line: NatsLine): void {
  state.line = line;
  for (const heard of state.subscriptions) heard.stop = hear(line.connection, heard.subject, heard.onData); // K2
  for (const tell of state.watchers) tell(true);
}

/** K1. @returns undefined when the link was closed */
async function openNext({ options, closing }: LinkState, pace: ReconnectPace): Promise<NatsLine | undefined> {
  const { clock, onLoginRefused, line } = options;
  const { signal } = closing;
  for (;;) {
    await pace.next(signal);
    if (signal.aborted) return undefined;
    try {
      const next = await openNatsLine(line, clock, signal);
      pace.succeeded();
      return next;
    } catch (error) {
      if (!isShoalError(error, "unauthenticated")) continue;
      pace.refused();
      onLoginRefused();
    }
  }
}

async function request(state: LinkState, question: Question): Promise<LinkReply> {
  const { line, requests } = state;
  if (line === undefined) throw new ShoalError("transport_lost", "there is no connection to nats-server now");
  if (requests >= mostRequests) throw new ShoalError("no_capacity", `${mostRequests} requests wait for answers`);
  state.requests += 1;
  try {
    return await ask(line.connection, question);
  } finally {
    state.requests -= 1;
  }
}

function subscribe({ line, subscriptions }: LinkState, heard: Heard): () => void {
  subscriptions.add(heard);
  if (line !== undefined) heard.stop = hear(line.connection, heard.subject, heard.onData);
  return () => {
    if (subscriptions.delete(heard)) heard.stop?.();
  };
}

function withTraffic({ sent, received }: Traffic, line: NatsLine | undefined): Traffic {
  const { outBytes = 0, inBytes = 0 } = line?.connection.stats() ?? {};
  return { sent: sent + outBytes, received: received + inBytes };
}
