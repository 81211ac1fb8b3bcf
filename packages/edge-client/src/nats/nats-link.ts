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
import { errorHeader } from "@shoal/federated";
import type { LinkReply, PlaneLink } from "../plane/link-plane.ts";
import { publishWord, subscribeWord, unsubscribeWord, type Login } from "./client-words.ts";
import { openNatsLine, type NatsLine } from "./nats-line.ts";
import { reconnectDelayMs } from "./reconnect-delay.ts";
import type { ServerMessage } from "./server-words.ts";

export interface NatsLinkOptions {
  /** `ws:` or `wss:` */
  readonly url: string;
  /** Answers come below it. */
  readonly inboxPrefix: string;
  /** Who this is, having signed what the server asks to be signed; asked of for each line. */
  readonly login: (nonce: string) => Promise<Login>;
  readonly clock: Clock;
  readonly random: Random;
  /** The server does not take this login, or not any more. */
  readonly onLoginRefused: () => void;
}

export interface NatsLink extends PlaneLink {
  /** Bytes so far, within the frames of WebSockets. */
  traffic(): { readonly sent: number; readonly received: number };
}

export const mostRequests = 256;
/** The subscription for answers; those of the user have other numbers. */
const answersSid = 1;
const noResponders = /^NATS\/1\.0 503/;
const isErrorHeader = new RegExp(`^${errorHeader}:`, "im");

interface Waiting {
  readonly answer: (message: ServerMessage) => void;
  readonly giveUp: (reason: ShoalError) => void;
}

interface LinkState {
  readonly options: NatsLinkOptions;
  /** Of this link alone: another one of the same client does not hear its answers. */
  readonly inbox: string;
  readonly closing: AbortController;
  readonly subscriptions: Map<number, { readonly subject: string; readonly onData: (data: Uint8Array) => void }>;
  readonly waiting: Map<string, Waiting>;
  readonly watchers: Set<(isConnected: boolean) => void>;
  line: NatsLine | undefined;
  /** Numbers of requests and subscriptions. */
  count: number;
  sent: number;
  received: number;
}

/** @throws ShoalError unauthenticated, transport_lost - the first line cannot be opened */
export async function openNatsLink(options: NatsLinkOptions): Promise<NatsLink> {
  const { inboxPrefix, random } = options;
  const token = [0, 1].map(() => random.integer(2 ** 32).toString(36)).join("");
  const state: LinkState = {
    ...{ options, inbox: `${inboxPrefix}.${token}`, closing: new AbortController(), line: undefined },
    ...{ subscriptions: new Map(), waiting: new Map(), watchers: new Set(), count: answersSid, sent: 0, received: 0 },
  };
  const first = await openLine(state);
  const over = keepUp(state, first);
  return {
    request: (subject, body, timeoutMs) => request(state, { subject, body, timeoutMs }),
    subscribe: (subject, onData) => subscribe(state, subject, onData),
    watch(onChange) {
      state.watchers.add(onChange);
      onChange(state.line !== undefined);
      return () => state.watchers.delete(onChange);
    },
    traffic: () => ({ sent: state.sent, received: state.received }),
    async close() {
      state.closing.abort();
      await over;
    },
  };
}

function openLine(state: LinkState): Promise<NatsLine> {
  const { url, login, clock } = state.options;
  return openNatsLine({
    ...{ url, login, clock, signal: state.closing.signal },
    onMessage: (message) => hear(state, message),
    // It is not known which one; they are asked again by those who still want them.
    onRefused: (sentence) => giveUp(state, `nats-server: ${sentence}`),
    onReceived: (bytes) => (state.received += bytes),
  });
}

async function keepUp(state: LinkState, first: NatsLine): Promise<void> {
  const { onLoginRefused } = state.options;
  for (let line: NatsLine | undefined = first; line !== undefined; line = await openNext(state)) {
    use(state, line);
    const reason = await line.ended;
    state.line = undefined;
    giveUp(state, reason.message);
    for (const tell of state.watchers) tell(false);
    if (isShoalError(reason, "unauthenticated")) onLoginRefused();
  }
}

function use(state: LinkState, line: NatsLine): void {
  state.line = line;
  send(state, subscribeWord(`${state.inbox}.*`, answersSid));
  for (const [sid, { subject }] of state.subscriptions) send(state, subscribeWord(subject, sid)); // K2
  for (const tell of state.watchers) tell(true);
}

/** K1. @returns undefined when the link was closed */
async function openNext(state: LinkState): Promise<NatsLine | undefined> {
  const { clock, random, onLoginRefused } = state.options;
  const { signal } = state.closing;
  for (let tries = 0; ; tries += 1) {
    await pause(clock, reconnectDelayMs(tries, random), signal);
    if (signal.aborted) return undefined;
    try {
      return await openLine(state);
    } catch (error) {
      if (isShoalError(error, "unauthenticated")) onLoginRefused();
    }
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(ms, end);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

function send(state: LinkState, word: Uint8Array<ArrayBuffer>): void {
  if (state.line === undefined) return;
  state.sent += word.length;
  state.line.send(word);
}

interface Asked {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
}

async function request(state: LinkState, { subject, body, timeoutMs }: Asked): Promise<LinkReply> {
  const { line, waiting, inbox, options } = state;
  if (line === undefined) throw new ShoalError("transport_lost", "there is no connection to nats-server now");
  if (body.length > line.mostPayload) {
    const sentence = `nats-server takes ${line.mostPayload} bytes, not ${body.length}`;
    throw new ShoalError("payload_too_large", sentence, { bytes: body.length, most: line.mostPayload });
  }
  if (waiting.size >= mostRequests) throw new ShoalError("no_capacity", `${mostRequests} requests wait for answers`);
  const answerSubject = `${inbox}.${(state.count += 1)}`;
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      timer.cancel();
      waiting.delete(answerSubject);
      end();
    };
    const timer = options.clock.after(timeoutMs, () => {
      const sentence = `the aggregator did not answer within ${timeoutMs} ms`;
      settle(() => reject(new ShoalError("deadline_exceeded", sentence)));
    });
    waiting.set(answerSubject, {
      giveUp: (reason) => settle(() => reject(reason)),
      answer: ({ data, headers }) =>
        settle(() => {
          if (noResponders.test(headers)) reject(new ShoalError("transport_lost", "nobody serves the task now"));
          else resolve({ data, isError: isErrorHeader.test(headers) });
        }),
    });
    send(state, publishWord(subject, answerSubject, body));
  });
}

function giveUp({ waiting }: LinkState, sentence: string): void {
  const reason = new ShoalError("transport_lost", sentence.replace(/^\[[a-z_]+\] /, ""));
  for (const each of [...waiting.values()]) each.giveUp(reason);
}

function subscribe(state: LinkState, subject: string, onData: (data: Uint8Array) => void): () => void {
  const sid = (state.count += 1);
  state.subscriptions.set(sid, { subject, onData });
  send(state, subscribeWord(subject, sid));
  return () => {
    if (state.subscriptions.delete(sid)) send(state, unsubscribeWord(sid));
  };
}

function hear({ waiting, subscriptions }: LinkState, { sid, subject, headers, data }: ServerMessage): void {
  if (sid === answersSid) waiting.get(subject)?.answer({ sid, subject, headers, data });
  else subscriptions.get(sid)?.onData(data);
}
