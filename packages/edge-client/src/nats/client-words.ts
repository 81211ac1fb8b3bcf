/** What a client says to a nats-server. */

/** Who connects, as nats-server's CONNECT names it. */
export interface Login {
  readonly name: string;
  readonly jwt?: string;
  readonly nkey?: string;
  /** Of what the server gave to sign; base64. */
  readonly sig?: string;
}

const encoder = new TextEncoder();
const [lang, version] = ["shoal", "1"];

export const pingWord: Uint8Array<ArrayBuffer> = encoder.encode("PING\r\n");
export const pongWord: Uint8Array<ArrayBuffer> = encoder.encode("PONG\r\n");

/** With it a client asks to be told when nobody hears a request. */
export function connectWord(login: Login): Uint8Array<ArrayBuffer> {
  const own = { lang, version, protocol: 1, verbose: false, pedantic: false, headers: true, no_responders: true };
  return encoder.encode(`CONNECT ${JSON.stringify({ ...own, ...login })}\r\n`);
}

export function subscribeWord(subject: string, sid: number): Uint8Array<ArrayBuffer> {
  return encoder.encode(`SUB ${subject} ${sid}\r\n`);
}

export function unsubscribeWord(sid: number): Uint8Array<ArrayBuffer> {
  return encoder.encode(`UNSUB ${sid}\r\n`);
}

/** @param body - borrowed */
export function publishWord(subject: string, reply: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(`PUB ${subject} ${reply} ${body.length}\r\n`);
  const word = new Uint8Array(head.length + body.length + 2);
  word.set(head);
  word.set(body, head.length);
  word.set([13, 10], head.length + body.length);
  return word;
}
