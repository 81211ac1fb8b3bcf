import {
  createFrameParser,
  decodeRequestFrame,
  type OutgoingFrame,
  type RequestFrame,
  type RequestHead,
} from "@shoal/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRequestSource, type RequestSource } from "./request-source.ts";

const head: RequestHead = {
  type: "head",
  request: 7,
  kind: { type: "initialize", shard: 3 },
  totalBytes: 0,
  deadlineMs: 100,
};

const numbered = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);

function sourceOf(payload: Uint8Array): RequestSource {
  return createRequestSource(() => ({ ...head, totalBytes: payload.length }), payload);
}

/** What a server makes of the frames. */
function read(frames: readonly OutgoingFrame[]): { frames: RequestFrame[]; payload: Uint8Array } {
  const seen: RequestFrame[] = [];
  const parts: Uint8Array[] = [];
  const parser = createFrameParser<RequestFrame>({
    decode: decodeRequestFrame,
    sink: {
      begin(frame, payloadBytes) {
        seen.push(frame);
        const part = new Uint8Array(payloadBytes);
        parts.push(part);
        return part;
      },
      end: () => undefined,
    },
  });
  for (const { head: bytes, payload } of frames) {
    parser.push(bytes);
    if (payload !== undefined) parser.push(payload);
  }
  parser.finish();
  return { frames: seen, payload: Buffer.concat(parts) };
}

function drain(source: RequestSource, marks: string[] = []): OutgoingFrame[] {
  const frames: OutgoingFrame[] = [];
  for (let frame = source.next(); frame !== undefined; frame = source.next()) {
    marks.push(frame === "flush" ? "flush" : "frame");
    if (frame !== "flush") frames.push(frame);
  }
  return frames;
}

describe("a request on its way out", () => {
  test("arrives whole, whatever its length", () => {
    const length = fc.oneof(
      fc.nat(200),
      fc.integer({ min: 65_000, max: 70_000 }),
      fc.integer({ min: 1_040_000, max: 2_200_000 }),
    );
    fc.assert(
      fc.property(length, (bytes) => {
        const payload = numbered(bytes);
        const { frames, payload: arrived } = read(drain(sourceOf(payload)));
        expect(Buffer.compare(arrived, payload)).toBe(0);
        expect(frames[0]).toEqual({ ...head, totalBytes: bytes });
        let offset = 0;
        for (const [index, frame] of frames.entries()) {
          if (index > 0) expect(frame).toMatchObject({ type: "continuation", request: 7 });
          if (frame.type === "continuation") expect(frame.offset).toBeGreaterThan(offset);
          if (frame.type === "continuation") offset = frame.offset;
        }
      }),
      { numRuns: 40 },
    );
  });

  test("is one frame and one buffer when it is small", () => {
    const frames = drain(sourceOf(numbered(4096)));
    expect(frames).toHaveLength(1);
    expect(frames[0]).not.toHaveProperty("payload");
  });

  test("holds its end back until the rest has left, and sends it as a copy", () => {
    const payload = numbered(3_000_000);
    const marks: string[] = [];
    const source = sourceOf(payload);
    const frames = drain(source, marks);
    expect(marks).toEqual(["frame", "frame", "frame", "flush", "frame"]);
    expect(source.complete).toBe(true);
    const last = frames.at(-1);
    const before = Buffer.from(last?.head ?? []);
    payload.fill(0);
    expect(Buffer.compare(before, Buffer.from(last?.head ?? []))).toBe(0);
    expect(last).not.toHaveProperty("payload");
  });

  test("ends with a cancel when it is given up midway, and with nothing when it has not begun", () => {
    const begun = sourceOf(numbered(3_000_000));
    begun.next();
    begun.abort();
    expect(read(drain(begun)).frames).toEqual([{ ...head, kind: { type: "cancel" }, deadlineMs: 0 }]);
    expect(begun.complete).toBe(false);
    const waiting = sourceOf(numbered(10));
    waiting.abort();
    expect(drain(waiting)).toEqual([]);
  });

  test("makes its header when it leaves, not when it was asked for", () => {
    let deadlineMs = 100;
    const source = createRequestSource(() => ({ ...head, deadlineMs }), new Uint8Array(0));
    deadlineMs = 60;
    expect(read(drain(source)).frames).toMatchObject([{ deadlineMs: 60 }]);
  });
});
