/**
 * What a nats-server says, read from bytes that come in pieces of any length: a frame of a WebSocket may hold half a word,
 * or many.
 *
 *   INFO {json}                                  who it is, and what is to be signed
 *   MSG subject sid [reply] bytes                a message follows
 *   HMSG subject sid [reply] headerBytes bytes   one with headers
 *   PING, PONG, +OK, -ERR 'sentence'
 *
 * Bounds  a line has at most `mostLineBytes`, a message `mostMessageBytes`; who says more is no nats-server of ours.
 * Source  the client protocol of NATS, as its documentation has it.
 */
import { ShoalError } from "@shoal/errors";

export interface ServerInfo {
  /** What whoever connects has to sign. */
  readonly nonce: string;
  /** The largest message that it takes, bytes. */
  readonly mostPayload: number;
}

export interface ServerMessage {
  readonly subject: string;
  /** Of the subscription that it answers. */
  readonly sid: number;
  /** As they came, with the status line; "" without any. */
  readonly headers: string;
  /** The receiver's own. */
  readonly data: Uint8Array<ArrayBuffer>;
}

export type ServerWord =
  | { readonly kind: "info"; readonly info: ServerInfo }
  | { readonly kind: "message"; readonly message: ServerMessage }
  | { readonly kind: "error"; readonly sentence: string }
  | { readonly kind: "ping" | "pong" | "ok" };

/** A list of a cluster's servers may stand in what it says of itself. */
export const mostLineBytes: number = 64 * 1024;
/** As much as a nats-server lets through unless it is told to let through more. */
export const mostMessageBytes: number = 1024 * 1024;

const lineFeed = 10;
/** "\r\n" behind a message. */
const endBytes = 2;

interface MessageHead {
  readonly subject: string;
  readonly sid: number;
  readonly headerBytes: number;
  readonly bytes: number;
}

/** @returns reads the next bytes (borrowed); throws ShoalError codec_failed, payload_too_large */
export function createServerReader(): (bytes: Uint8Array) => readonly ServerWord[] {
  const buffer = createByteQueue();
  /** The message whose first line has been read. */
  let head: MessageHead | undefined;
  const next = (): ServerWord | undefined => {
    if (head === undefined) {
      const line = buffer.takeLine();
      if (line === undefined) return undefined;
      head = readHead(line);
      if (head === undefined) return readWord(line);
    }
    const data = buffer.take(head.bytes, endBytes);
    if (data === undefined) return undefined;
    const { subject, sid, headerBytes } = head;
    head = undefined;
    const headers = decodeText(data.subarray(0, headerBytes));
    return { kind: "message", message: { subject, sid, headers, data: data.subarray(headerBytes) } };
  };
  return (bytes) => {
    buffer.append(bytes);
    const words: ServerWord[] = [];
    for (let word = next(); word !== undefined; word = next()) words.push(word);
    return words;
  };
}

const decodeText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function readHead(line: string): MessageHead | undefined {
  const [word, subject = "", sid, ...rest] = line.split(/\s+/);
  if (word !== "MSG" && word !== "HMSG") return undefined;
  const bytes = rest.pop();
  const headerBytes = word === "HMSG" ? rest.pop() : "0";
  // What may be left is where the sender wants an answer: nobody asks clients.
  const read = { subject, sid: countOf(sid), headerBytes: countOf(headerBytes), bytes: countOf(bytes) };
  if (read.headerBytes > read.bytes) throw broken(line);
  if (read.bytes <= mostMessageBytes) return read;
  throw new ShoalError("payload_too_large", `nats-server announces a message of ${read.bytes} bytes`);
}

function countOf(text: string | undefined): number {
  if (text === undefined || !/^\d{1,10}$/.test(text)) throw broken(String(text));
  return Number(text);
}

function readWord(line: string): ServerWord {
  const [, word = "", rest = ""] = /^(\S*)\s*(.*)$/.exec(line) ?? [];
  switch (word) {
    case "PING":
      return { kind: "ping" };
    case "PONG":
      return { kind: "pong" };
    case "+OK":
      return { kind: "ok" };
    case "-ERR":
      return { kind: "error", sentence: rest.replace(/^'|'$/g, "") };
    case "INFO":
      return { kind: "info", info: readInfo(rest) };
    default:
      throw broken(line);
  }
}

function readInfo(text: string): ServerInfo {
  let told: { readonly nonce?: unknown; readonly max_payload?: unknown } | null;
  try {
    told = JSON.parse(text) as typeof told;
  } catch {
    throw broken(text);
  }
  const { nonce, max_payload: payload } = told ?? {};
  return {
    nonce: typeof nonce === "string" ? nonce : "",
    mostPayload: typeof payload === "number" ? payload : mostMessageBytes,
  };
}

function broken(what: string): ShoalError {
  return new ShoalError("codec_failed", `this is no word of a nats-server: ${JSON.stringify(what.slice(0, 64))}`);
}

interface ByteQueue {
  append(bytes: Uint8Array): void;
  /** Without its end; undefined while it is not whole. */
  takeLine(): string | undefined;
  /** A copy; what ends it is dropped. undefined while it is not whole. */
  take(bytes: number, dropped: number): Uint8Array<ArrayBuffer> | undefined;
}

/** Holds at most a message, its line, and what came with their ends. */
function createByteQueue(): ByteQueue {
  let held = new Uint8Array(4_096);
  let begin = 0;
  let end = 0;
  return {
    append(bytes) {
      const wanted = end - begin + bytes.length;
      if (end + bytes.length > held.length) {
        const roomier = wanted > held.length ? new Uint8Array(Math.max(wanted, 2 * held.length)) : held;
        roomier.set(held.subarray(begin, end));
        [held, begin, end] = [roomier, 0, end - begin];
      }
      held.set(bytes, end);
      end += bytes.length;
    },
    takeLine() {
      const line = held.subarray(begin, end);
      const length = line.indexOf(lineFeed);
      if (Math.max(length, length < 0 ? line.length : 0) > mostLineBytes)
        throw broken(decodeText(line.subarray(0, 64)));
      if (length < 0) return undefined;
      begin += length + 1;
      return decodeText(line.subarray(0, length)).trimEnd();
    },
    take(bytes, dropped) {
      if (end - begin < bytes + dropped) return undefined;
      const taken = held.slice(begin, begin + bytes);
      begin += bytes + dropped;
      return taken;
    },
  };
}
