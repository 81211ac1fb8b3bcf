import { ShoalError } from "@shoal/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrameHead } from "./encode-frame.ts";
import { createFrameParser, type FrameParser, type PayloadPlace } from "./frame-parser.ts";
import { maximumEntryHeaderBytes, maximumHeaderBytes, maximumPayloadBytes } from "./limits.ts";
import { decodeRequestFrame, encodeRequestFrame, type RequestFrame } from "./request-frame.ts";

interface Seen {
  readonly header: string;
  readonly payload: readonly number[];
}

/** A parser whose sink writes down what it sees; `answer` may make it wait. */
function recorder(answer: (place: Uint8Array) => PayloadPlace = (place) => place): {
  parser: FrameParser;
  seen: Seen[];
  places: Uint8Array[];
} {
  const seen: Seen[] = [];
  const places: Uint8Array[] = [];
  const parser = createFrameParser<string>({
    decode: (header) => Array.from(header).join(","),
    sink: {
      begin(_header, payloadBytes) {
        const place = new Uint8Array(payloadBytes);
        places.push(place);
        return answer(place);
      },
      end(header) {
        seen.push({ header, payload: Array.from(places.at(-1) ?? []) });
      },
    },
  });
  return { parser, seen, places };
}

/** Fields that a message may hold before its payload: varint, 32 and 64 bits, bytes. */
const field = fc.oneof(
  fc.nat({ max: 127 }).map((value) => [0x08, value]),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => [0x15, ...bytes]),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => [0x19, ...bytes]),
  fc.uint8Array({ maxLength: 100 }).map((bytes) => [0x22, bytes.length, ...bytes]),
);
const message = fc.record({
  fields: fc.array(field, { maxLength: 6 }).map((fields) => Uint8Array.from(fields.flat())),
  payload: fc.uint8Array({ maxLength: 300 }),
});

const wire = (messages: readonly { fields: Uint8Array; payload: Uint8Array }[]): Uint8Array =>
  Uint8Array.from(messages.flatMap(({ fields, payload }) => [...encodeFrameHead(fields, payload.length), ...payload]));

function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });

/** Runs `act`; everything it throws must be one of our errors. */
function onlyTypedErrors(act: () => void): void {
  try {
    act();
  } catch (error) {
    expect(ShoalError.from(error)).toBe(error);
    expect(["codec_failed", "payload_too_large"]).toContain((error as ShoalError).code);
  }
}

describe("the frame parser", () => {
  test("gives back every header and payload, however the stream was cut", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), cuts, (messages, lengths) => {
        const { parser, seen } = recorder();
        for (const chunk of cut(wire(messages), lengths)) parser.push(chunk);
        parser.finish();
        expect(seen).toEqual(
          messages.map(({ fields, payload }) => ({
            header: Array.from(fields).join(","),
            payload: Array.from(payload),
          })),
        );
      }),
    );
  });

  test("holds the rest of a chunk while its sink waits for a place, and loses nothing", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), cuts, (messages, lengths) => {
        const { parser, seen, places } = recorder(() => "wait");
        for (const chunk of cut(wire(messages), lengths)) {
          parser.push(chunk);
          while (parser.waiting) parser.supply(places.at(-1) ?? new Uint8Array(0));
        }
        parser.finish();
        expect(seen.map(({ payload }) => payload)).toEqual(messages.map(({ payload }) => Array.from(payload)));
      }),
    );
  });

  test("refuses a chunk while its sink waits", () => {
    const { parser } = recorder(() => "wait");
    parser.push(wire([{ fields: new Uint8Array(0), payload: Uint8Array.of(1, 2) }]).subarray(0, 8));
    expect(parser.waiting).toBe(true);
    expect(() => parser.push(Uint8Array.of(1))).toThrow("predecessor was held");
  });

  test("takes a place that is supplied while `begin` is still running", () => {
    const place = new Uint8Array(3);
    let ends = 0;
    const parser = createFrameParser<number>({
      decode: () => 0,
      sink: {
        begin() {
          parser.supply(place);
          return "wait";
        },
        end: () => void ends++,
      },
    });
    const one = wire([{ fields: new Uint8Array(0), payload: Uint8Array.of(7, 8, 9) }]);
    parser.push(Uint8Array.of(...one, ...one));
    expect([ends, ...place]).toEqual([2, 7, 8, 9]);
  });

  test("meets arbitrary bytes with typed errors only, and the same ones however they were cut", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, lengths) => {
        const outcome = (chunks: readonly Uint8Array[]): unknown => {
          const { parser, seen } = recorder();
          let code = "";
          onlyTypedErrors(() => {
            try {
              for (const chunk of chunks) parser.push(chunk);
              parser.finish();
            } catch (error) {
              code = String(error);
              throw error;
            }
          });
          return { seen, code };
        };
        expect(outcome(cut(bytes, lengths))).toEqual(outcome([bytes]));
      }),
    );
  });

  test("meets arbitrary messages behind a right prefix with typed errors only", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const prefix = Uint8Array.of(0, 0, 0, 0, bytes.length);
        onlyTypedErrors(() => {
          const parser = createFrameParser<RequestFrame>({
            decode: decodeRequestFrame,
            sink: { begin: () => "discard", end: () => undefined },
          });
          parser.push(prefix);
          parser.push(bytes);
          parser.finish();
        });
      }),
      { numRuns: 500 },
    );
  });

  test("reports a stream that ends in the middle of a message", () => {
    fc.assert(
      fc.property(message, fc.double({ min: 0, max: 1, noNaN: true }), (whole, part) => {
        const bytes = wire([whole]);
        const length = Math.max(1, Math.min(bytes.length - 1, Math.floor(part * bytes.length)));
        const { parser } = recorder();
        parser.push(bytes.subarray(0, length));
        expect(() => parser.finish()).toThrow("codec_failed");
      }),
    );
  });

  test.each([
    ["a compressed message", [1, 0, 0, 0, 0], "codec_failed"],
    ["a message above the limit", [0, 0xff, 0, 0, 0], "payload_too_large"],
    ["a field that reaches beyond its message", [0, 0, 0, 0, 3, 0x22, 5, 0], "codec_failed"],
    ["a field behind the payload", [0, 0, 0, 0, 5, 0x7a, 1, 0, 0x08, 1], "codec_failed"],
    ["a payload that is no bytes", [0, 0, 0, 0, 2, 0x78, 1], "codec_failed"],
    ["a group", [0, 0, 0, 0, 1, 0x0b], "codec_failed"],
    ["field number 0", [0, 0, 0, 0, 2, 0x00, 1], "codec_failed"],
  ])("refuses %s, and goes on refusing", (_what, bytes, code) => {
    const { parser } = recorder();
    expect(() => parser.push(Uint8Array.from(bytes))).toThrow(code);
    expect(() => parser.push(Uint8Array.of(0))).toThrow(code);
    expect(() => parser.finish()).toThrow(code);
  });

  test("refuses a header above its limit before the header has come", () => {
    const { parser } = recorder();
    const length = maximumHeaderBytes + 1;
    const bytes = [0, 0, 0, 0x40, 0x10, 0x22, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
    expect(() => parser.push(Uint8Array.from(bytes))).toThrow("payload_too_large");
  });

  test("makes room for longer headers where they are allowed, and reads them whole", () => {
    const slotOwners = Array.from({ length: 65_536 }, (_, slot) => slot % 300);
    const entry = { shard: 0, term: 1, index: 1, madeIn: 1, previousMadeIn: 0, version: 0, weight: 1 };
    const members = { revision: 1, workers: [], slotOwners };
    const kind = { type: "replicate", entry: { ...entry, kind: "members", contributions: [], members } } as const;
    const bytes = encodeRequestFrame({ type: "head", request: 1, kind, totalBytes: 0, deadlineMs: 1 }, 0);
    const seen: RequestFrame[] = [];
    const parserUpTo = (limit: number): FrameParser =>
      createFrameParser<RequestFrame>({
        decode: decodeRequestFrame,
        maximumHeaderBytes: limit,
        sink: { begin: () => "discard", end: (header) => void seen.push(header) },
      });
    const parser = parserUpTo(maximumEntryHeaderBytes);
    for (const chunk of cut(bytes, [1000, 7])) parser.push(chunk);
    expect(seen).toMatchObject([{ kind }]);
    expect(() => parserUpTo(maximumHeaderBytes).push(bytes)).toThrow("payload_too_large");
  });

  test("refuses a payload above its limit before the sink is asked", () => {
    const { parser, places } = recorder();
    expect(() => parser.push(encodeFrameHead(new Uint8Array(0), maximumPayloadBytes + 1))).toThrow("payload_too_large");
    expect(places).toEqual([]);
  });

  test("stops writing into a place whose owner has given up, and carries on with the next message", () => {
    const { parser, seen } = recorder();
    const bytes = wire([
      { fields: new Uint8Array(0), payload: Uint8Array.of(1, 2, 3, 4) },
      { fields: new Uint8Array(0), payload: Uint8Array.of(5) },
    ]);
    parser.push(bytes.subarray(0, 9));
    parser.discardRest();
    parser.push(bytes.subarray(9));
    expect(seen.map(({ payload }) => payload)).toEqual([[1, 2, 0, 0], [5]]);
  });

  test("copies into shared memory through the copy it was given", () => {
    const target = new Uint8Array(new SharedArrayBuffer(4));
    const copied: number[] = [];
    const parser = createFrameParser<RequestFrame>({
      decode: decodeRequestFrame,
      copy: (source, place, offset) => {
        copied.push(source.length);
        place.set(source, offset);
      },
      sink: { begin: () => target, end: () => undefined },
    });
    parser.push(encodeRequestFrame({ type: "continuation", request: 1, offset: 4 }, 4));
    parser.push(Uint8Array.of(1, 2, 3));
    parser.push(Uint8Array.of(4));
    expect([Array.from(target), copied]).toEqual([
      [1, 2, 3, 4],
      [3, 1],
    ]);
  });
});
