/** The schema of what clients say, which are strangers. In a file of its own, since clients do not load it. */
import * as z from "zod/mini";
import { mostBytesAtOnce, mostChunkBytes } from "../contribution/manifest.ts";
import { bytes, count, encoding, finite, hash, manifest, ms, name, sentence, stage } from "./message-fields.ts";
import type { ClientRequest } from "./requests.ts";

const identifier = z.string().check(z.regex(/^[0-9a-f]{32}$/));

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
