import { isShoalError, ShoalError } from "@shoal/errors";
import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import { ActorRef } from "../actor-ref.ts";
import type { Ref } from "../ref.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope-codec.ts";
import { maximumEnvelopeBytes, type Envelope, type MessageEnvelope } from "./envelope.ts";
import { maximumDepth } from "./message-pack-check.ts";

const router = { route: () => undefined };
const makeRef = (address: string): Ref<unknown> => new ActorRef(address, router);
const decode = (bytes: Uint8Array): Envelope => decodeEnvelope(bytes, makeRef);
const encodeMessage = (message: unknown): Uint8Array => encodeEnvelope({ kind: "message", to: "a/b", message });
const decodeMessage = (bytes: Uint8Array): unknown => (decode(bytes) as MessageEnvelope).message;

/** Whole numbers travel as integers: see the test of -0. */
const withoutSignOfZero = (value: number): number => (value === 0 ? 0 : value);
const key = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => text !== "__proto__");
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: false }).map(withoutSignOfZero),
  fc.integer(),
  fc.string({ unit: "grapheme" }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.uint8Array({ maxLength: 300 }),
);
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(key, tie("value"), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value;
const address = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}\/[a-z0-9][a-z0-9_-]{0,20}$/);

describe("envelope codec", () => {
  it("gives back what was encoded", () => {
    const envelope = fc.record(
      {
        kind: fc.constant("message" as const),
        to: address,
        from: address,
        message: plain,
        deadlineMs: fc.integer({ min: 1 }),
        trace: fc.constant({
          traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          tracestate: "a=1",
        }),
      },
      { requiredKeys: ["kind", "to", "message"], noNullPrototype: true },
    );
    fc.assert(
      fc.property(envelope, (sent) => {
        expect(decode(encodeEnvelope(sent))).toEqual(sent);
      }),
    );
  });

  it("carries -0 as 0, as it does whole numbers, and every other double bit by bit", () => {
    const sent = [-0, 0, -1.5, 5e-324, -5e-324, 2 ** 53, -(2 ** 31) - 1, Number.MAX_VALUE, -Infinity];
    expect(decodeMessage(encodeMessage(sent))).toEqual([0, ...sent.slice(1)]);
  });

  it("gives codec_failed or payload_too_large, and nothing else, for any bytes", () => {
    const valid = encodeMessage({ type: "push", list: [1, "two", { three: 3n }], replyTo: makeRef("n/reply-1") });
    const mutated = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })
      .map((edits) => {
        const bytes = valid.slice();
        for (const [index, byte] of edits) bytes[index] = byte;
        return bytes;
      });
    const cut = fc.nat(valid.length).map((length) => valid.slice(0, length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), mutated, cut), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(isShoalError(error, "codec_failed") || isShoalError(error, "payload_too_large")).toBe(true);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it("is MessagePack that any reader understands, references apart", () => {
    const foreign = new Packr({ useRecords: false }).unpack(
      encodeMessage({ type: "x", values: [1, 2.5, "z"] }),
    ) as unknown;
    expect(foreign).toEqual({ kind: "message", to: "a/b", message: { type: "x", values: [1, 2.5, "z"] } });
    expect(Array.from(encodeMessage(makeRef("n/a")).slice(-6))).toEqual([0xc7, 3, 0x52, 0x6e, 0x2f, 0x61]);
  });

  it("rebuilds references wherever they are", () => {
    const message = { replyTo: makeRef("n/one"), list: [makeRef("n/two")], deep: { er: { ref: makeRef("n/three") } } };
    const decoded = decodeMessage(encodeMessage(message)) as typeof message;
    expect([decoded.replyTo, decoded.list[0], decoded.deep.er.ref].map((ref) => ref?.address)).toEqual([
      "n/one",
      "n/two",
      "n/three",
    ]);
    expect(decoded.replyTo).toBeInstanceOf(ActorRef);
  });

  it("refuses to send what is not plain data, instead of bending it", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    let deep: unknown = 1;
    for (let level = 0; level < maximumDepth; level++) deep = [deep];
    for (const value of [() => 1, Symbol("s"), new Date(0), [undefined], cycle, deep, 2n ** 64n, new Map([[1, 2]])]) {
      expect(() => encodeMessage(value)).toThrow("[codec_failed]");
    }
    expect(decodeMessage(encodeMessage({ kept: 1, left: undefined }))).toEqual({ kept: 1 });
  });

  it("believes nothing but plain data: no records, cycles, errors, patterns, dates or foreign extensions", () => {
    const packers = [
      new Packr({ useRecords: true }),
      new Packr({ structuredClone: true, moreTypes: true, useRecords: false }),
      new Packr({ bundleStrings: true, useRecords: false }),
    ];
    const shared = { type: "x" };
    const values = [{ kind: "message", to: "a/b", message: [shared, shared, new Error("e"), /p/u, new Set([1])] }];
    for (const packer of packers) {
      for (const value of values) expect(() => decode(packer.pack(value))).toThrow("[codec_failed]");
    }
  });

  it("does not let a key change the prototype of what it builds", () => {
    const bytes = new Packr({ useRecords: false }).pack({
      kind: "message",
      to: "a/b",
      message: new Map([["__proto__", { polluted: true }]]),
    });
    const message = decodeMessage(bytes) as { polluted?: boolean };
    expect(message.polluted).toBeUndefined();
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
  });

  it("limits an envelope to 256 KiB in both directions", () => {
    expect(() => encodeMessage(new Uint8Array(maximumEnvelopeBytes))).toThrow("[payload_too_large]");
    expect(() => decode(new Uint8Array(maximumEnvelopeBytes + 1))).toThrow("[payload_too_large]");
  });

  it("carries an error with its code and details, and turns unknown codes into internal", () => {
    const error = new ShoalError("mailbox_full", "no room", { actor: "a/b", capacity: 2 }).toJSON();
    expect(decode(encodeEnvelope({ kind: "error", to: "a/b", error }))).toEqual({ kind: "error", to: "a/b", error });
    const strange = new Packr({ useRecords: false }).pack({
      kind: "error",
      to: "a/b",
      error: { code: "new", message: "m", details: { list: [] } },
    });
    expect(decode(strange)).toMatchObject({ error: { code: "internal", message: "[internal] m", details: {} } });
  });

  it("leaves out a malformed trace rather than the message", () => {
    const pack = (trace: unknown): Uint8Array =>
      new Packr({ useRecords: false }).pack({ kind: "message", to: "a/b", message: 1, trace });
    for (const trace of [1, {}, { traceparent: 2 }, { traceparent: "x".repeat(56) }]) {
      expect(decode(pack(trace))).toEqual({ kind: "message", to: "a/b", message: 1 });
    }
  });
});
