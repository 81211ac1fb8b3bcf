/** What a worker says of its doings when somebody wants to know whom a run waits for. */
import type { Ref } from "@shoal/actors";
import { z } from "zod";
import { countSchema, nameSchema, refSchema } from "./schema.ts";

/** "What are you doing for this run?" Asked on demand; an answer that is lost is not asked for again. */
export interface DescribeWork {
  readonly type: "describe_work";
  readonly run: string;
  readonly replyTo: Ref<WorkDescribed>;
}

export const workActivities = [
  /** Loads data and makes its plan. */
  "preparing",
  "computing",
  /** Plays a round of a federated run: its clients compute. */
  "with_clients",
  /** Its forward pass has stopped at the gate: parameters that it reads next have not come. */
  "gated",
  "evaluating",
  /** Waits for replies of shards, and does nothing else. */
  "exchanging",
  /** Waits for batches, which the coordinator has not given yet. */
  "without_lease",
  /** Waits for the coordinator's answer to a report. */
  "asking",
  /** No slot of the synchronous steps is its own. */
  "without_slots",
  /** The coordinator has not said yet how its next step is cut. */
  "without_cut",
  /** Writes the model. */
  "writing",
  /** Has nothing (more) to do. */
  "idle",
  /** The run has failed here. */
  "failed",
  /** The worker holds no such run. */
  "absent",
] as const;

export type WorkActivity = (typeof workActivities)[number];

/** An exchange that a worker has under way. */
export interface ExchangeUnderWay {
  readonly shard: number;
  /** Node name of the shard's server. */
  readonly server: string;
  /** "pull of clock 17", and what its last attempt failed with. */
  readonly what: string;
  readonly forMs: number;
  readonly attempt: number;
}

export interface WorkDescription {
  readonly activity: WorkActivity;
  /** What exactly, as a phrase; empty where the activity says all. */
  readonly detail: string;
  /** How long it has lasted, ms; null where nobody has measured it. */
  readonly forMs: number | null;
  /** Oldest first, at most `maximumExchangesDescribed`. */
  readonly exchanges: readonly ExchangeUnderWay[];
}

export interface WorkDescribed {
  readonly type: "work_described";
  readonly run: string;
  readonly node: string;
  readonly work: WorkDescription;
}

/** Exchanges that a description lists: 64, the oldest. */
export const maximumExchangesDescribed = 64;
/** Characters of a phrase in a description: 256. */
export const maximumPhrase = 256;

export const describeWorkSchema: z.ZodObject<{
  type: z.ZodLiteral<"describe_work">;
  run: z.ZodType<string>;
  replyTo: z.ZodType<Ref<WorkDescribed>>;
}> = z.strictObject({
  type: z.literal("describe_work"),
  run: nameSchema,
  replyTo: refSchema<WorkDescribed>(),
});

const age = z.number().min(0);

export const workDescribedSchema: z.ZodType<WorkDescribed> = z.strictObject({
  type: z.literal("work_described"),
  run: nameSchema,
  node: nameSchema,
  work: z.strictObject({
    activity: z.enum(workActivities),
    detail: z.string().max(maximumPhrase),
    forMs: age.nullable(),
    exchanges: z
      .array(
        z.strictObject({
          shard: countSchema,
          server: nameSchema,
          what: z.string().max(maximumPhrase),
          forMs: age,
          attempt: countSchema,
        }),
      )
      .max(maximumExchangesDescribed),
  }),
});
