/** Schemas of what the aggregator says: to its clients, it is a stranger. */
import * as z from "zod/mini";
import { mostBytesAtOnce, mostChunkBytes } from "../contribution/manifest.ts";
import type { SecureTask } from "../secure/secure-task.ts";
import { bytes, count, encoding, finite, manifest, ms, name, sentence, stage } from "./message-fields.ts";
import { mostRoundsTold, type ClientNotice, type RoundSummary } from "./notices.ts";
import type { ClientReply } from "./requests.ts";
import type { RoundOffer, TaskDescription } from "./task-description.ts";

const atLeastZero = z.number().check(z.minimum(0));
const share = z.number().check(z.gt(0), z.lt(1));
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
/** [after, until]. Not a `z.tuple`: clients would load what tells tuples of any lengths, optional items and rests apart. */
const span = z.array(count).check(z.length(2)) as unknown as z.ZodMiniType<readonly [number, number]>;
const undone = z.array(span).check(z.maxLength(64));
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
