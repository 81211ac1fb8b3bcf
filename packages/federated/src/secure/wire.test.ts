import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maximumClients } from "./messages.ts";
import {
  decodeSecureClientMessage,
  decodeSecureServerMessage,
  encodeSecureMessage,
  type SecureClientMessage,
  type SecureServerMessage,
} from "./wire.ts";

const codec = expect.objectContaining({ code: "codec_failed" });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const client = fc.integer({ min: 0, max: maximumClients - 1 });
const keys = fc.record({
  client: fc.string({ maxLength: 16, unit: "grapheme" }).filter((name) => new TextEncoder().encode(name).length <= 64),
  maskKey: exactly(33),
  sealKey: exactly(33),
  seedHash: exactly(32),
  signature: fc.uint8Array({ maxLength: 72 }),
});
const hashes = fc.record({ maskKey: exactly(32), seed: exactly(32) });
const shares = fc.array(fc.record({ from: client, to: client, sealed: exactly(100), hashes }), { maxLength: 5 });
const revealed = fc.array(fc.record({ of: client, share: exactly(36) }), { maxLength: 5 });
const clientMessage: fc.Arbitrary<SecureClientMessage> = fc.oneof(
  fc.record({ type: fc.constant("keys" as const), keys }),
  fc.record({ type: fc.constant("shares" as const), shares }),
  fc.record({ type: fc.constant("masked" as const) }),
  fc.record({ type: fc.constant("answer" as const), answer: fc.record({ seeds: revealed, maskKeys: revealed }) }),
);
const serverMessage: fc.Arbitrary<SecureServerMessage> = fc.oneof(
  fc.record({ type: fc.constant("roster" as const), roster: fc.array(keys, { maxLength: 4 }) }),
  fc.record({ type: fc.constant("shares" as const), shares }),
  fc.record({
    type: fc.constant("request" as const),
    request: fc.record({ survivors: fc.array(client), dropped: fc.array(client) }),
  }),
  fc.record({ type: fc.constant("over" as const), reason: fc.string({ maxLength: 100 }) }),
);

describe("messages of secure sums", () => {
  it("come back from bytes as they were", () => {
    fc.assert(
      fc.property(clientMessage, serverMessage, (up, down) => {
        expect(decodeSecureClientMessage(up.type, encodeSecureMessage(up))).toEqual(plain(up));
        expect(decodeSecureServerMessage(down.type, encodeSecureMessage(down))).toEqual(plain(down));
      }),
    );
  });

  it("are refused when anything is missing, or behind them", () => {
    fc.assert(
      fc.property(clientMessage, fc.nat(), (message, place) => {
        const bytes = encodeSecureMessage(message);
        expect(() => decodeSecureClientMessage(message.type, Uint8Array.of(...bytes, 0))).toThrowError(codec);
        if (bytes.length === 0) return;
        expect(() => decodeSecureClientMessage(message.type, bytes.subarray(0, place % bytes.length))).toThrowError(
          codec,
        );
      }),
    );
  });

  it("are refused, and nothing else happens, for any bytes and stages whatever", () => {
    const stage = fc.oneof(
      fc.constantFrom("keys", "roster", "shares", "masked", "answer", "request", "over", "toString"),
      fc.string(),
    );
    fc.assert(
      fc.property(stage, fc.uint8Array({ maxLength: 300 }), (type, bytes) => {
        for (const decode of [decodeSecureClientMessage, decodeSecureServerMessage]) {
          try {
            decode(type, bytes);
          } catch (error) {
            expect(error).toEqual(codec);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("fit into 256 KiB with the largest roster", () => {
    const roster = Array.from({ length: maximumClients }, (_, i) => ({
      client: String(i).padStart(64, "x"),
      ...{ maskKey: new Uint8Array(33), sealKey: new Uint8Array(33), seedHash: new Uint8Array(32) },
      signature: new Uint8Array(72),
    }));
    const bytes = encodeSecureMessage({ type: "roster", roster });
    expect(bytes.length).toBeLessThan(250_000);
    expect(decodeSecureServerMessage("roster", bytes)).toEqual({ type: "roster", roster });
    const ofShares = { maskKey: new Uint8Array(32), seed: new Uint8Array(32) };
    const shares = roster.map((_, to) => ({ from: 0, to, sealed: new Uint8Array(100), hashes: ofShares }));
    expect(encodeSecureMessage({ type: "shares", shares }).length).toBeLessThan(250_000);
  });
});

/** fast-check's records have no prototype. */
function plain<T>(value: T): T {
  return structuredClone(value);
}
