import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainLocalTraining } from "../../../../test/support/local-training.ts";
import { mostChunkBytes } from "../contribution/manifest.ts";
import { decodeMessage, decodeReply, encodeMessage } from "./codec.ts";
import { clientNoticeSchema } from "./reply-schemas.ts";
import { clientRequestSchema } from "./request-schema.ts";
import type { ClientNotice, RoundSummary } from "./notices.ts";
import type { ClientReply, ClientRequest } from "./requests.ts";
import { planeProtocol, type RoundOffer, type TaskDescription } from "./task-description.ts";

const manifest = { hash: "ab".repeat(32), bytes: 10, chunkBytes: 8, chunkHashes: new Uint8Array(64) };
const offer: RoundOffer = {
  ...{ round: 3, version: 2, answerWithinMs: 100, reportWithinMs: 1_000, down: "float32", up: "int8" },
  ...{
    clip: null,
    control: { epoch: 1, counted: [2], uncounted: [], undone: [[3, 5]], restorable: [2] },
    evaluates: true,
    traceparent: null,
  },
};
const task: TaskDescription = {
  ...{ protocol: planeProtocol, task: "digits", model: { layers: [] }, size: 10, normBound: null },
  ...{ down: [{ name: "float32" }], up: [{ name: "int8", block: 256 }], plain: [{ begin: 4, end: 6 }] },
  local: plainLocalTraining,
  ...{ sampleCap: 100, memoryBytes: 1_000, privacy: { clip: null, localNoise: 0, secure: null } },
};
const id = "0f".repeat(16);
const contribution = {
  ...{ id, task: "digits", round: 3, client: "a-1", baseVersion: 2, samples: 5, steps: 1, loss: 0.5 },
  ...{ encoding: "int8", content: manifest },
};
const device = { memoryBytes: 1, samples: 5, testSamples: 0, encodings: ["int8"], platform: "browser" };

const requests: readonly ClientRequest[] = [
  { type: "check_in", device },
  { type: "answer_offer", round: 3, takesPart: false, reason: "the battery is low" },
  { type: "answer_offer", round: 3, takesPart: false, reason: "it cannot go back", lostControl: true },
  { type: "fetch_manifest", round: 3, encoding: "float32" },
  { type: "fetch_chunk", hash: manifest.hash, index: 1 },
  { type: "offer_contribution", offer: contribution, trace: null, content: Uint8Array.of(1) },
  { type: "put_chunk", id, index: 0, content: new Uint8Array(mostChunkBytes) },
  { type: "report_evaluation", round: 3, samples: 4, loss: 0.5, accuracy: 0.75 },
  { type: "secure_message", round: 3, stage: "share_keys", body: Uint8Array.of(1) },
  { type: "leave", reason: "the page is closed" },
];
const replies: readonly ClientReply[] = [
  { type: "checked_in", task, leaseMs: 90_000, comeBackAfterMs: 60_000, offer },
  { type: "turned_away", reason: "the task is over", comeBackAfterMs: 0, isFinal: true },
  { type: "offer_noted", isMember: true, reportWithinMs: 100, values: { manifest, content: Uint8Array.of(2) } },
  { type: "offer_noted", isMember: false, reportWithinMs: 0, values: null, comeBackAfterMs: 2_000 },
  { type: "manifest", version: 2, manifest },
  { type: "chunk", content: Uint8Array.of(1, 2) },
  { type: "send_chunks", received: Uint8Array.of(3), window: 4 },
  { type: "chunk_kept" },
  { type: "answered", answer: { kind: "stale", nextRound: 4, comeBackAfterMs: 5 } },
  { type: "noted" },
  { type: "gone", reason: "no such round" },
];
const summary: RoundSummary = {
  ...{
    round: 3,
    outcome: "committed",
    version: 2,
    contributions: 1,
    samples: 5,
    trainingLoss: 0.5,
    testAccuracy: null,
  },
  ...{
    testLoss: null,
    hash: "ab".repeat(32),
    record: "cd".repeat(32),
    bytesDown: 1,
    bytesUp: 2,
    epsilon: null,
    reason: "the goal",
  },
};
const notices: readonly ClientNotice[] = [
  { type: "round_offered", offer },
  { type: "round_over", round: 3, reason: "the round has what it needs", comeBackAfterMs: 5 },
  { type: "offer_again", round: 3 },
  { type: "secure_notice", round: 3, stage: "unmask", body: Uint8Array.of(1) },
  { type: "aggregator_here", withinMs: 1_000 },
  { type: "rounds_closed", summaries: [summary] },
  { type: "task_over", reason: "all rounds are done", model: { round: 4, version: 3 } },
];

describe("a message of the federated plane", () => {
  it("comes back from its bytes", () => {
    for (const request of requests) {
      expect(decodeMessage(encodeMessage(request), clientRequestSchema)).toEqual(request);
    }
    for (const reply of replies) expect(decodeReply(encodeMessage(reply))).toEqual(reply);
    for (const notice of notices) expect(decodeMessage(encodeMessage(notice), clientNoticeSchema)).toEqual(notice);
  });

  it("is refused with the field that is wrong", () => {
    const wrong =
      (message: object): (() => unknown) =>
      () =>
        decodeMessage(encodeMessage(message), clientRequestSchema);
    expect(wrong({ type: "check_in", device: { ...device, samples: -1 } })).toThrow("device.samples");
    expect(wrong({ type: "leave", reason: "x", more: 1 })).toThrow("codec_failed");
    const traced = (attributes: object, name = "train") => ({
      ...{ type: "offer_contribution", offer: contribution, content: null },
      trace: { traceparent: "00", spans: [{ name, beginMs: 0, endMs: 1, attributes }] },
    });
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`a${index}`, index]));
    expect(wrong(traced({ samples: 5 }))).not.toThrow();
    expect(wrong(traced({}, "\u001b[2J"))).toThrow("trace.spans.0.name");
    expect(wrong(traced(many))).toThrow("trace.spans.0.attributes");
    expect(wrong(traced({ ["a".repeat(65)]: 1 }))).toThrow("trace.spans.0.attributes");
    expect(wrong({ type: "put_chunk", id: "no", index: 0, content: new Uint8Array(1) })).toThrow('"id"');
  });

  it("of a newer release is refused as that, whatever else it holds", () => {
    const newer = { type: "checked_in", task: { protocol: planeProtocol + 1, more: [] }, more: 1 };
    const refused = { code: "update_needed", message: expect.stringContaining("update the client") };
    expect(() => decodeReply(encodeMessage(newer))).toThrow(expect.objectContaining(refused));
    for (const task of [null, 7, { protocol: "9" }]) {
      expect(() => decodeReply(encodeMessage({ type: "checked_in", task }))).toThrow("codec_failed");
    }
  });

  it("does no harm, whatever its bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeMessage(bytes, clientRequestSchema);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/codec_failed|payload_too_large/) });
        }
      }),
    );
  });
});
