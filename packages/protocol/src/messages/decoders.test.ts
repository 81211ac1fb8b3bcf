import {
  createInProcessBus,
  createActorSystem,
  createRandom,
  createSimulatedClock,
  decodeEnvelope,
  encodeEnvelope,
} from "@shoal/actors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { aggregationSchema, consistencySchema } from "../consistency.ts";
import { jobSpecSchema } from "../job/job-spec.ts";
import { clusterStatusSchema, runReplySchema, submitReplySchema } from "./client.ts";
import { coordinatorSchema } from "./coordinator.ts";
import { workDescribedSchema } from "./describe-work.ts";
import { explainReplySchema } from "./explain-run.ts";
import { heartbeatReplySchema, joinReplySchema } from "./membership.ts";
import { acceptorOf, errorSchema } from "./schema.ts";
import { serverCommandSchema, serverReplySchema } from "./server-control.ts";
import { batchesReplySchema, evaluationReplySchema, progressReplySchema } from "./work.ts";
import { workerCommandSchema, workerReplySchema } from "./worker-control.ts";

const schemas: Readonly<Record<string, z.ZodType>> = {
  aggregationSchema,
  batchesReplySchema,
  clusterStatusSchema,
  consistencySchema,
  coordinatorSchema,
  errorSchema,
  evaluationReplySchema,
  explainReplySchema,
  heartbeatReplySchema,
  jobSpecSchema,
  joinReplySchema,
  progressReplySchema,
  runReplySchema,
  serverCommandSchema,
  serverReplySchema,
  submitReplySchema,
  workDescribedSchema,
  workerCommandSchema,
  workerReplySchema,
};

const system = createActorSystem({
  node: "tester",
  bus: createInProcessBus(),
  clock: createSimulatedClock(),
  random: createRandom(1),
});
const replyTo = system.ref("tester/replies");
const control = system.ref("worker-1/control");

/** One message of each schema that holds references, to be broken field by field. */
const samples: readonly [keyof typeof schemas, Record<string, unknown>][] = [
  ["coordinatorSchema", { type: "join_as_worker", node: "worker-1", control, replyTo }],
  ["coordinatorSchema", { type: "heartbeat", member: 3, incarnation: 1, replyTo }],
  ["coordinatorSchema", { type: "leave", member: 3, incarnation: 1 }],
  ["coordinatorSchema", { type: "request_batches", run: "mnist", member: 3, incarnation: 1, replyTo }],
  [
    "coordinatorSchema",
    {
      type: "report_failure",
      run: "mnist",
      member: 3,
      incarnation: 1,
      error: { code: "internal", message: "broken", details: { count: 1, name: "x", fatal: true } },
    },
  ],
  [
    "serverCommandSchema",
    {
      type: "host_shards",
      run: "mnist",
      term: 1,
      shards: [
        {
          shard: 0,
          begin: 0,
          end: 100,
          updates: [
            [60, 0],
            [100, 1],
          ],
        },
      ],
      treatments: [{ kind: "optimizer", weightDecay: null, learningRateScale: 1 }, { kind: "frozen" }],
      optimizer: { name: "sgd", learningRate: 0.1 },
      schedule: { name: "constant" },
      consistency: { mode: "synchronous" },
      aggregation: "mean",
      staleness: {},
      slots: 2,
      members: { revision: 1, workers: [{ member: 1, incarnation: 1, name: "worker-1" }], slotOwners: [1, 1] },
      replyTo,
    },
  ],
  ["serverCommandSchema", { type: "release_run", run: "mnist", replyTo }],
  ["serverReplySchema", { type: "shards_hosted", run: "mnist", node: "server-0", term: 1 }],
  ["joinReplySchema", { type: "joined", member: 1, incarnation: 1, leaseMs: 2000, heartbeatMs: 500 }],
  ["batchesReplySchema", { type: "batches_exhausted", run: "mnist" }],
];

/** Runs a check that may refuse with codec_failed and nothing else. */
function accepts(schema: keyof typeof schemas, body: unknown): unknown {
  try {
    return acceptorOf(schemas[schema] as z.ZodType)(body);
  } catch (error) {
    expect(error).toMatchObject({ name: "ShoalError", code: "codec_failed" });
    return undefined;
  }
}

const anything = fc.anything({ withBigInt: true, withDate: true, withTypedArray: true, withNullPrototype: true });

describe("every schema of the control plane", () => {
  test.each(Object.keys(schemas))("%s meets arbitrary values with codec_failed or takes them", (name) => {
    fc.assert(
      fc.property(anything, (body) => void accepts(name, body)),
      { numRuns: 200 },
    );
  });

  test.each(samples)("%s takes %o as it stands, and as it arrives over a bus", (name, message) => {
    expect(acceptorOf(schemas[name] as z.ZodType)(message)).toEqual(message);
    const bytes = encodeEnvelope({ kind: "message", to: "tester/inbox", message });
    const arrived = decodeEnvelope(bytes, (address) => system.ref(address));
    expect(acceptorOf(schemas[name] as z.ZodType)((arrived as { message: unknown }).message)).toEqual(message);
  });

  test("meets messages with one field broken with codec_failed or takes them", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samples).chain(([name, message]) =>
          fc.record({
            name: fc.constant(name),
            message: fc.constant(message),
            field: fc.constantFrom(...Object.keys(message)),
            value: anything,
          }),
        ),
        ({ name, message, field, value }) => void accepts(name, { ...message, [field]: value }),
      ),
      { numRuns: 500 },
    );
  });

  test.each(samples)(
    "%s refuses %o with a field that it does not know, and without one that it needs",
    (name, message) => {
      const accept = acceptorOf(schemas[name] as z.ZodType);
      expect(() => accept({ ...message, unheardOf: 1 })).toThrow("codec_failed");
      for (const field of Object.keys(message)) {
        expect(() => accept(Object.fromEntries(Object.entries(message).filter(([key]) => key !== field)))).toThrow(
          "codec_failed",
        );
      }
    },
  );
});

test("a shard may have moved more bytes than 32 bits count", () => {
  const shard = { shard: 0, version: 1, initialized: true, batchesApplied: 1, duplicates: 0, rejected: 0 };
  const figures = {
    stalenessMean: 0,
    stalenessMax: 0,
    stalenessP95: 0,
    gradientNorm: null,
    updateRatio: null,
    bound: null,
  };
  const described = (bytesMoved: number): unknown => ({
    type: "shards_described",
    run: "mnist",
    node: "server-1",
    shards: [{ ...shard, ...figures, waits: [], bytesMoved }],
  });
  expect(serverReplySchema.safeParse(described(2 ** 40)).error).toBeUndefined();
  expect(serverReplySchema.safeParse(described(-1)).error?.issues[0]?.path).toEqual(["shards", 0, "bytesMoved"]);
});
