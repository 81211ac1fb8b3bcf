/** Schemas of the federated plane. Both ends check what they receive: clients are strangers, and so are servers to them. */
import * as z from "zod/mini";
import { mostBytesAtOnce, mostChunkBytes, type VectorManifest } from "../contribution/manifest.ts";
import { mostRoundsTold, type ClientNotice, type RoundSummary } from "./notices.ts";
import type { ClientReply, ClientRequest } from "./requests.ts";
import type { SecureTask } from "../secure/secure-task.ts";
import type { RoundOffer, TaskDescription } from "./task-description.ts";

const count = z.int().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));
const atLeastZero = z.number().check(z.minimum(0));
const ms = z.number().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));
const sentence = z.string().check(z.maxLength(1_024));
const name = z.string().check(z.regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$/));
const encoding = z.string().check(z.maxLength(64));
const identifier = z.string().check(z.regex(/^[0-9a-f]{32}$/));
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const stage = z.string().check(z.maxLength(32));
const bytes = (most: number): z.ZodMiniType<Uint8Array> =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= most,
    `expected at most ${most} bytes`,
  );
const finite = z.number();
const share = z.number().check(z.gt(0), z.lt(1));

const manifest: z.ZodMiniType<VectorManifest> = z.strictObject({
  hash,
  bytes: count,
  chunkBytes: z.int().check(z.minimum(1), z.maximum(mostChunkBytes)),
  chunkHashes: bytes(mostChunkBytes),
});

const contribution = z.strictObject({
  ...{ id: identifier, task: name, round: count, client: name, baseVersion: count, samples: count, steps: count },
  ...{ loss: finite, encoding, content: manifest },
});

const mostAttributes = 32;
/** For people to read. */
const spanName = z.string().check(z.regex(/^[a-zA-Z][a-zA-Z0-9 _.-]{0,63}$/));
const attributes = z
  .record(z.string().check(z.maxLength(64)), z.union([z.string().check(z.maxLength(256)), finite]))
  .check(z.refine((all) => Object.keys(all).length <= mostAttributes, `expected at most ${mostAttributes} attributes`));
const trace = z.strictObject({
  traceparent: z.string().check(z.maxLength(64)),
  spans: z.array(z.strictObject({ name: spanName, beginMs: ms, endMs: ms, attributes })).check(z.maxLength(64)),
});

const device = z.strictObject({
  ...{ memoryBytes: count, samples: count, testSamples: count },
  ...{ encodings: z.array(encoding).check(z.maxLength(32)), platform: z.string().check(z.maxLength(64)) },
});

export const clientRequestSchema: z.ZodMiniType<ClientRequest> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("check_in"), device }),
  z.strictObject({
    ...{ type: z.literal("answer_offer"), round: count, takesPart: z.boolean(), reason: sentence },
    lostControl: z.optional(z.boolean()),
  }),
  z.strictObject({ type: z.literal("fetch_manifest"), round: count, encoding }),
  z.strictObject({ type: z.literal("fetch_chunk"), hash, index: count }),
  z.strictObject({
    ...{ type: z.literal("offer_contribution"), offer: contribution, trace: z.nullable(trace) },
    content: z.nullable(bytes(mostBytesAtOnce)),
  }),
  z.strictObject({ type: z.literal("put_chunk"), id: identifier, index: count, content: bytes(mostChunkBytes) }),
  z.strictObject({
    ...{ type: z.literal("report_evaluation"), round: count, samples: count, loss: finite, accuracy: finite },
  }),
  z.strictObject({ type: z.literal("secure_message"), round: count, stage, body: bytes(mostChunkBytes) }),
  z.strictObject({ type: z.literal("leave"), reason: sentence }),
]);

const specification = z.record(z.string(), z.unknown());
const encodings = z.array(specification).check(z.minLength(1), z.maxLength(8));
const plain = z.array(z.strictObject({ begin: count, end: count })).check(z.maxLength(4_096));

const secureTask: z.ZodMiniType<SecureTask> = z.strictObject({
  ...{ curve: z.enum(["P-256", "X25519"]), minimumClients: count },
  threat: z.strictObject({
    ...{ adversarialShare: finite, dropOutShare: finite, server: z.enum(["curious", "semi_malicious"]) },
  }),
  lattice: z.strictObject({ clip: finite, levels: count, weightCap: count, clients: count, noiseVariance: finite }),
});

const task: z.ZodMiniType<TaskDescription> = z.strictObject({
  ...{ protocol: count, task: name, model: specification, size: count, down: encodings, up: encodings, plain },
  local: z.strictObject({
    ...{ epochs: count, batchSize: z.nullable(count), learningRate: finite, momentum: finite, proximal: finite },
    ...{
      correction: z.enum(["none", "scaffold"]),
      lossAt: z.enum(["training", "received"]),
      personal: z.array(z.string()).check(z.maxLength(4_096)),
      seed: count,
    },
  }),
  ...{ normBound: z.nullable(finite), sampleCap: count, memoryBytes: count },
  privacy: z.strictObject({
    ...{ clip: z.nullable(finite), localNoise: atLeastZero, secure: z.nullable(secureTask) },
    local: z.optional(z.strictObject({ delta: share, budget: z.nullable(finite) })),
  }),
});

const rounds = z.array(count).check(z.maxLength(64));
const undone = z.array(z.tuple([count, count])).check(z.maxLength(64));
const control = z.strictObject({
  ...{ epoch: count, counted: rounds, uncounted: rounds, undone },
  restorable: z.array(count).check(z.maxLength(8)),
});

const offer: z.ZodMiniType<RoundOffer> = z.strictObject({
  ...{ round: count, version: count, answerWithinMs: ms, reportWithinMs: ms, down: encoding, up: encoding },
  ...{
    clip: z.nullable(finite),
    control: z.nullable(control),
    evaluates: z.boolean(),
    traceparent: z.nullable(z.string().check(z.maxLength(64))),
  },
});

const comeBackAfterMs = ms;
const lastModel = z.nullable(z.strictObject({ round: count, version: count }));
const cause = z.enum([
  ...(["bad_offer", "wrong_size", "bad_sample_count", "not_finite", "norm_too_large", "damaged", "no_room"] as const),
  ...(["not_a_member", "quarantined"] as const),
]);
const answer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("accepted"), weight: finite, comeBackAfterMs }),
  z.strictObject({ kind: z.literal("duplicate"), accepted: z.boolean(), comeBackAfterMs }),
  z.strictObject({ kind: z.literal("stale"), nextRound: count, comeBackAfterMs }),
  z.strictObject({ kind: z.literal("rejected"), cause, reason: sentence, comeBackAfterMs }),
  z.strictObject({ kind: z.literal("come_back"), reason: sentence, comeBackAfterMs }),
]);

export const clientReplySchema: z.ZodMiniType<ClientReply> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("checked_in"), task, leaseMs: ms, comeBackAfterMs, offer: z.nullable(offer) }),
  z.strictObject({
    type: z.literal("turned_away"),
    reason: sentence,
    comeBackAfterMs,
    isFinal: z.boolean(),
    over: z.optional(lastModel),
  }),
  z.strictObject({
    ...{ type: z.literal("offer_noted"), isMember: z.boolean(), reportWithinMs: ms },
    values: z.nullable(z.strictObject({ manifest, content: bytes(mostBytesAtOnce) })),
    comeBackAfterMs: z.optional(ms),
  }),
  z.strictObject({ type: z.literal("manifest"), version: count, manifest }),
  z.strictObject({ type: z.literal("chunk"), content: bytes(mostChunkBytes) }),
  z.strictObject({ type: z.literal("send_chunks"), received: bytes(65_536), window: count }),
  z.strictObject({ type: z.literal("chunk_kept") }),
  z.strictObject({ type: z.literal("answered"), answer }),
  z.strictObject({ type: z.literal("noted") }),
  z.strictObject({ type: z.literal("gone"), reason: sentence }),
]);

const summary: z.ZodMiniType<RoundSummary> = z.strictObject({
  ...{ round: count, outcome: z.enum(["committed", "abandoned", "carried_over"]), version: count },
  ...{ contributions: count, samples: count, trainingLoss: z.nullable(finite), testAccuracy: z.nullable(finite) },
  ...{
    testLoss: z.nullable(finite),
    hash: z.string().check(z.maxLength(64)),
    record: z.string().check(z.maxLength(64)),
  },
  ...{ bytesDown: count, bytesUp: count },
  ...{ epsilon: z.nullable(finite), reason: sentence },
});

export const clientNoticeSchema: z.ZodMiniType<ClientNotice> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("round_offered"), offer }),
  z.strictObject({ type: z.literal("round_over"), round: count, reason: sentence, comeBackAfterMs }),
  z.strictObject({ type: z.literal("offer_again"), round: count }),
  z.strictObject({ type: z.literal("secure_notice"), round: count, stage, body: bytes(mostChunkBytes) }),
  z.strictObject({ type: z.literal("aggregator_here"), withinMs: ms }),
  z.strictObject({
    type: z.literal("rounds_closed"),
    summaries: z.array(summary).check(z.minLength(1), z.maxLength(mostRoundsTold)),
  }),
  z.strictObject({
    ...{ type: z.literal("task_over"), reason: sentence },
    model: lastModel,
  }),
]);
