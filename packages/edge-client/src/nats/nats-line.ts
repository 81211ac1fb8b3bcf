/**
 * One WebSocket to a nats-server, from its opening to its end: it logs in, answers pings, and pings itself, because browsers
 * do not tell of a line that is half open.
 *
 * Invariants
 *   L1  it ends once, with a reason, whatever happens; afterwards nothing is heard from it.
 *   L2  it is up or has ended within `openingMs`, and has ended at the latest `mostPings` + 1 pings after its last sign of life.
 */
import type { Clock, Timer } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import { connectWord, pingWord, pongWord, type Login } from "./client-words.ts";
import { createServerReader, type ServerInfo, type ServerMessage, type ServerWord } from "./server-words.ts";

export interface NatsLineOptions {
  readonly url: string;
  /** Whoever connects, having signed what the server asks to be signed. */
  readonly login: (nonce: string) => Promise<Login>;
  readonly clock: Clock;
  readonly onMessage: (message: ServerMessage) => void;
  /** The server refuses something, and goes on. */
  readonly onRefused: (sentence: string) => void;
  /** Bytes within the WebSocket's frames. */
  readonly onReceived: (bytes: number) => void;
  /** Aborted: it ends. */
  readonly signal: AbortSignal;
}

export interface NatsLine {
  /** The largest message that the server takes, bytes. */
  readonly mostPayload: number;
  /** @param word - handed over */
  send(word: Uint8Array<ArrayBuffer>): void;
  /** Settles with the reason. */
  readonly ended: Promise<ShoalError>;
}

export const openingMs = 10_000;
/** Timers of workers run in hidden tabs. */
export const pingEveryMs = 25_000;
/** Without an answer. */
export const mostPings = 2;

/** @throws ShoalError unauthenticated - refused; transport_lost - everything else */
export function openNatsLine(options: NatsLineOptions): Promise<NatsLine> {
  const { url, clock, signal, onReceived } = options;
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const read = createServerReader();
  const opening = Promise.withResolvers<NatsLine>();
  const ended = Promise.withResolvers<ShoalError>();
  const end = (reason: ShoalError): void => {
    if (talk.stage === "over") return;
    talk.stage = "over";
    timer.cancel();
    signal.removeEventListener("abort", abort);
    socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
    opening.reject(reason);
    ended.resolve(reason);
  };
  const abort = (): void => end(lost("it was closed"));
  const ping = (): Timer =>
    clock.after(pingEveryMs, () => {
      if (talk.pings >= mostPings) return end(lost(`nats-server has not answered ${mostPings} pings`));
      talk.pings += 1;
      socket.send(pingWord);
      timer = ping();
    });
  const talk: Talk = {
    ...{ options, stage: "opening", pings: 0, end, send: (word) => socket.send(word) },
    up(mostPayload) {
      timer.cancel();
      timer = ping();
      opening.resolve({ mostPayload, send: talk.send, ended: ended.promise });
    },
  };
  let timer = clock.after(openingMs, () => end(lost(`nats-server has not let it in within ${openingMs} ms`)));
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (!(data instanceof ArrayBuffer)) return end(lost("a nats-server does not speak in text"));
    onReceived(data.byteLength);
    let words: readonly ServerWord[] = [];
    try {
      words = read(new Uint8Array(data));
    } catch (error) {
      end(lost(ShoalError.from(error).message));
    }
    for (const word of words) hear(talk, word);
  };
  // A browser does not tell why.
  socket.onerror = socket.onclose = () => end(lost("the WebSocket was closed"));
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  return opening.promise;
}

/** What the words of the server change. */
interface Talk {
  readonly options: NatsLineOptions;
  stage: "opening" | { readonly mostPayload: number } | "up" | "over";
  /** Without an answer so far. */
  pings: number;
  readonly send: (word: Uint8Array<ArrayBuffer>) => void;
  readonly up: (mostPayload: number) => void;
  readonly end: (reason: ShoalError) => void;
}

function hear(talk: Talk, word: ServerWord): void {
  const { options, stage, send, end } = talk;
  if (stage === "over") return; // L1
  switch (word.kind) {
    case "info":
      // It tells of itself again when its cluster changes: clients have one address.
      if (stage === "opening") void logIn(talk, word.info);
      return;
    case "ping":
      return send(pongWord);
    case "pong":
      talk.pings = 0;
      if (typeof stage === "string") return;
      talk.stage = "up";
      return talk.up(stage.mostPayload);
    case "message":
      return options.onMessage(word.message);
    case "error":
      if (/^permissions violation/i.test(word.sentence)) return options.onRefused(word.sentence);
      return end(refusal(word.sentence));
    case "ok":
      return;
  }
}

/** The ping behind it is answered when the server has let it in. */
async function logIn(talk: Talk, { nonce, mostPayload }: ServerInfo): Promise<void> {
  talk.stage = { mostPayload };
  try {
    const login = await talk.options.login(nonce);
    // A socket that was closed meanwhile takes words and drops them.
    talk.send(connectWord(login));
    talk.send(pingWord);
  } catch (error) {
    talk.end(lost(ShoalError.from(error).message));
  }
}

/** Passes that have ended, or are of keys that `shoal edge` does not have any more. */
const refusedLogin = /authorization violation|authentication (expired|revoked)/i;

function refusal(sentence: string): ShoalError {
  return refusedLogin.test(sentence)
    ? new ShoalError("unauthenticated", `nats-server: ${sentence}`)
    : lost(`nats-server: ${sentence}`);
}

function lost(sentence: string): ShoalError {
  return new ShoalError("transport_lost", sentence);
}
