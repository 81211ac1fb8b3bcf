import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createServerReader, mostLineBytes, mostMessageBytes, type ServerWord } from "./server-words.ts";

const utf8 = new TextEncoder();

/** Words, and what nats-server writes for each. */
const said: readonly (readonly [string, ServerWord])[] = [
  [
    'INFO {"nonce":"abc","max_payload":512,"server_name":"ü"}\r\n',
    { kind: "info", info: { nonce: "abc", mostPayload: 512 } },
  ],
  ["INFO {}\r\n", { kind: "info", info: { nonce: "", mostPayload: mostMessageBytes } }],
  ["PING\r\n", { kind: "ping" }],
  ["PONG\r\n", { kind: "pong" }],
  ["+OK\r\n", { kind: "ok" }],
  ["-ERR 'Authorization Violation'\r\n", { kind: "error", sentence: "Authorization Violation" }],
  ["MSG a.b 7 5\r\nPING\n\r\n", message({ subject: "a.b", sid: 7, headers: "", data: "PING\n" })],
  ["MSG a.b 7 inbox.1 0\r\n\r\n", message({ subject: "a.b", sid: 7, headers: "", data: "" })],
  [
    "HMSG c 12 17 19\r\nNATS/1.0\r\nA:!\r\n\r\n!!\r\n",
    message({ subject: "c", sid: 12, headers: "NATS/1.0\r\nA:!\r\n\r\n", data: "!!" }),
  ],
  [
    "HMSG c 12 d 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
    message({ subject: "c", sid: 12, headers: "NATS/1.0 503\r\n\r\n", data: "" }),
  ],
];

function message(of: { subject: string; sid: number; headers: string; data: string }): ServerWord {
  return { kind: "message", message: { ...of, data: utf8.encode(of.data) } };
}

describe("words of a nats-server", () => {
  it("are the same however their bytes are cut into pieces", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 });
    const words = fc.array(fc.constantFrom(...said), { maxLength: 40 });
    fc.assert(
      fc.property(words, cuts, (chosen, lengths) => {
        const bytes = utf8.encode(chosen.map(([written]) => written).join(""));
        const read = createServerReader();
        const heard: ServerWord[] = [];
        for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
          const length = lengths[piece % lengths.length] ?? 1;
          heard.push(...read(bytes.slice(at, (at += length))));
        }
        expect(heard).toEqual(chosen.map(([, word]) => word));
      }),
    );
  });

  it("carry a message of any bytes, in data of its own", () => {
    const body = new Uint8Array(300_000).map((_, index) => index * 7);
    const read = createServerReader();
    const head = utf8.encode(`MSG a 1 ${body.length}\r\n`);
    const bytes = Uint8Array.of(...head, ...body.subarray(0, 1_000));
    expect(read(bytes)).toEqual([]);
    expect(read(body.subarray(1_000))).toEqual([]);
    const [word] = read(utf8.encode("\r\nMSG a 1 1\r\n"));
    read(new Uint8Array(100).fill(1));
    expect(word?.kind === "message" && Buffer.compare(word.message.data, body)).toBe(0);
  });

  it.each([
    ["an answer to HTTP", "HTTP/1.1 400 Bad Request\r\n", "codec_failed"],
    ["what is no JSON", "INFO {\r\n", "codec_failed"],
    ["no length", "MSG a 1\r\n", "codec_failed"],
    ["a negative length", "MSG a 1 -5\r\n", "codec_failed"],
    ["more headers than message", "HMSG a 1 9 5\r\n", "codec_failed"],
    ["a message above the bound", `MSG a 1 ${mostMessageBytes + 1}\r\n`, "payload_too_large"],
    ["a line above the bound, whose end has not come", "x".repeat(mostLineBytes + 1), "codec_failed"],
    ["a line above the bound", `-ERR ${"x".repeat(mostLineBytes)}\r\n`, "codec_failed"],
  ])("are not %s", (_, written, code) => {
    const read = createServerReader();
    expect(() => read(utf8.encode(written))).toThrow(expect.objectContaining({ code }));
  });
});
