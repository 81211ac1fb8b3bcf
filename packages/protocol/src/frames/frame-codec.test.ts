import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { errorTable, type ErrorCode } from "@shoal/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParameterRequestSchema, ParameterResponseSchema } from "../generated/shoal/v1/parameter_server_pb.ts";
import type { LogEntryKind } from "../exchange/replication.ts";
import type { RunMembers } from "../messages/server-control.ts";
import { prefixBytes } from "./header-collector.ts";
import { decodeRequestFrame, encodeRequestFrame, type RequestFrame, type RequestKind } from "./request-frame.ts";
import {
  decodeResponseFrame,
  encodeResponseFrame,
  type ResponseFrame,
  type ResponseOutcome,
} from "./response-frame.ts";

const count = fc.nat({ max: 0xffff_ffff });
const push = fc.record(
  {
    shard: count,
    sequence: count,
    clock: count,
    baseVersion: count,
    batch: fc.option(count),
    batches: fc.integer({ min: 1, max: 0xffff_ffff }),
    samples: count,
  },
  { requiredKeys: ["shard", "sequence", "clock", "baseVersion", "batch", "samples"] },
);
const contribution = fc.record(
  {
    ...{ worker: count, incarnation: count, sequence: count, clock: count },
    ...{ batch: fc.option(count), batches: count, baseVersion: count, samples: count },
  },
  { requiredKeys: ["worker", "incarnation", "sequence", "clock", "batch", "baseVersion", "samples"] },
);
const members = fc.record(
  {
    revision: count,
    workers: fc.array(fc.record({ member: count, incarnation: count, name: fc.string({ minLength: 1 }) })),
    slotOwners: fc.array(count),
    fallBack: fc.boolean(),
  },
  { requiredKeys: ["revision", "workers", "slotOwners"] },
);
const entryOf = <K extends LogEntryKind>(kinds: readonly K[], listed: fc.Arbitrary<RunMembers | null>) =>
  fc.record({
    ...{ shard: count, term: count, index: count, madeIn: count, previousMadeIn: count, version: count },
    kind: fc.constantFrom(...kinds),
    weight: fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
    contributions: fc.array(contribution, { maxLength: 5 }),
    members: listed,
  });
const entry = fc.oneof(
  entryOf(["initialize", "update", "buffer", "remember", "settle"], fc.constant(null)),
  entryOf(["members"], members),
);
const far = fc.maxSafeNat();
const part = fc
  .record({ shard: count, term: count, index: count, offset: far, totalBytes: far })
  .map((it) => ({ ...it, offset: Math.min(it.offset, it.totalBytes) }));
const kind: fc.Arbitrary<RequestKind> = fc.oneof(
  fc.record({ type: fc.constant("replicate" as const), entry }),
  fc.record({ type: fc.constant("install" as const), part }),
  fc.record({ type: fc.constant("initialize" as const), shard: count }),
  fc.record({ type: fc.constant("push" as const), push }),
  fc.record({ type: fc.constant("pull" as const), shard: count, clock: count }),
  fc.record({ type: fc.constant("pull" as const), shard: count, clock: count, former: fc.constant(true) }),
  fc.record({ type: fc.constant("push_pull" as const), push, pullClock: count }),
  fc.constant({ type: "cancel" as const }),
);
const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom("0", "3", "7", "9", "a", "c", "f"), minLength: length, maxLength: length });
const trace = fc
  .tuple(hex(32), hex(16), fc.boolean())
  .map(([id, span, state]) => ({ traceparent: `00-${id}-${span}-01`, ...(state ? { tracestate: "a=b" } : {}) }));
const continuation = fc.record({ type: fc.constant("continuation" as const), request: count, offset: count });
const requestFrame: fc.Arbitrary<RequestFrame> = fc.oneof(
  fc.record(
    { type: fc.constant("head" as const), request: count, kind, totalBytes: count, deadlineMs: count, trace },
    { requiredKeys: ["type", "request", "kind", "totalBytes", "deadlineMs"] },
  ),
  continuation,
);

const version = fc.record({ version: count });
const pushReply = fc.oneof(
  fc.record({ type: fc.constant("push_applied" as const), version: count, staleness: count }),
  version.map(({ version: at }) => ({ type: "push_duplicate" as const, version: at })),
  version.map(({ version: at }) => ({ type: "push_duplicate" as const, version: at, of: "batch" as const })),
  version.map(({ version: at }) => ({ type: "push_rejected" as const, reason: "stale_clock" as const, version: at })),
);
const pullReply = version.map(({ version: at }) => ({ type: "values" as const, version: at }));
const outcome: fc.Arbitrary<ResponseOutcome> = fc.oneof(
  fc
    .record({ type: fc.constantFrom("replicated" as const, "gap" as const), index: count })
    .map((reply) => ({ type: "replicate" as const, reply })),
  fc.boolean().map((done) => ({ type: "install" as const, reply: { type: "installed" as const, done } })),
  fc
    .tuple(fc.constantFrom("initialized" as const, "already_initialized" as const), count)
    .map(([type, at]) => ({ type: "initialize" as const, reply: { type, version: at } })),
  pushReply.map((reply) => ({ type: "push" as const, reply })),
  pullReply.map((reply) => ({ type: "pull" as const, reply })),
  fc
    .tuple(pushReply, pullReply)
    .map(([pushed, pulled]) => ({ type: "push_pull" as const, push: pushed, pull: pulled })),
  fc.record({
    type: fc.constant("error" as const),
    error: fc.record({
      code: fc.constantFrom(...(Object.keys(errorTable) as ErrorCode[])),
      message: fc.string({ unit: "grapheme" }),
      details: fc.dictionary(
        fc.string({ unit: "grapheme-ascii", minLength: 1 }).filter((name) => name !== "__proto__"),
        fc.oneof(fc.string({ unit: "grapheme" }), fc.double({ noNaN: true }), fc.boolean()),
        { noNullPrototype: true },
      ),
    }),
  }),
);
const responseFrame: fc.Arbitrary<ResponseFrame> = fc.oneof(
  fc.record({ type: fc.constant("head" as const), request: count, outcome, totalBytes: count }),
  continuation,
);

describe("request headers", () => {
  test("come back as they were written", () => {
    fc.assert(
      fc.property(requestFrame, (frame) => {
        expect(decodeRequestFrame(encodeRequestFrame(frame, 0).subarray(prefixBytes))).toEqual(frame);
      }),
    );
  });

  test("with the payload behind them are the bytes that any protobuf encoder makes", () => {
    fc.assert(
      fc.property(requestFrame, fc.uint8Array({ minLength: 1, maxLength: 300 }), (frame, payload) => {
        const head = encodeRequestFrame(frame, payload.length);
        const bytes = Uint8Array.of(...head.subarray(prefixBytes), ...payload);
        expect(new DataView(head.buffer).getUint32(1)).toBe(bytes.length);
        const message = fromBinary(ParameterRequestSchema, bytes);
        expect(message.payload).toEqual(payload);
        expect(toBinary(ParameterRequestSchema, message)).toEqual(bytes);
      }),
    );
  });

  test("that are arbitrary bytes are refused with codec_failed or read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeRequestFrame(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: "ShoalError", code: "codec_failed" });
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("drop a trace context that is none, and one that is too long", () => {
    const decode = (traceparent: string, tracestate: string): RequestFrame =>
      decodeRequestFrame(
        toBinary(
          ParameterRequestSchema,
          create(ParameterRequestSchema, { kind: { case: "pull", value: {} }, traceparent, tracestate }),
        ),
      );
    const parent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    expect(decode("nonsense", "a=b")).not.toHaveProperty("trace");
    expect(decode(parent, "x".repeat(513))).toMatchObject({ trace: { traceparent: parent } });
  });

  test("of entries of no kind, without their members, and of parts beyond their state are refused", () => {
    const decode = (value: NonNullable<MessageInitShape<typeof ParameterRequestSchema>["kind"]>): RequestFrame =>
      decodeRequestFrame(toBinary(ParameterRequestSchema, create(ParameterRequestSchema, { kind: value })));
    expect(() => decode({ case: "replicate", value: { kind: "guess" } })).toThrow('an entry of kind "guess"');
    expect(() => decode({ case: "replicate", value: { kind: "members" } })).toThrow("codec_failed");
    expect(() => decode({ case: "replicate", value: { kind: "update", members: {} } })).toThrow("codec_failed");
    expect(() => decode({ case: "install", value: { offset: 2n, totalBytes: 1n } })).toThrow("codec_failed");
    expect(() => decode({ case: "install", value: { totalBytes: 2n ** 60n } })).toThrow("codec_failed");
  });

  test("of a push_pull without a push are refused", () => {
    const message = create(ParameterRequestSchema, { kind: { case: "pushPull", value: { pullClock: 1 } } });
    expect(() => decodeRequestFrame(toBinary(ParameterRequestSchema, message))).toThrow("codec_failed");
  });
});

describe("response headers", () => {
  test("come back as they were written", () => {
    fc.assert(
      fc.property(responseFrame, (frame) => {
        expect(decodeResponseFrame(encodeResponseFrame(frame, 0).subarray(prefixBytes))).toEqual(frame);
      }),
    );
  });

  test("that are arbitrary bytes are refused with codec_failed or read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeResponseFrame(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: "ShoalError", code: "codec_failed" });
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("without an outcome inside are refused", () => {
    for (const message of [{ push: {} }, { initialize: {} }]) {
      const bytes = toBinary(ParameterResponseSchema, create(ParameterResponseSchema, message));
      expect(() => decodeResponseFrame(bytes)).toThrow("codec_failed");
    }
  });

  test("with a code of a newer peer read as internal", () => {
    const message = create(ParameterResponseSchema, { error: { code: "not_invented_yet", message: "later" } });
    expect(decodeResponseFrame(toBinary(ParameterResponseSchema, message))).toMatchObject({
      outcome: { type: "error", error: { code: "internal", message: "later" } },
    });
  });
});
