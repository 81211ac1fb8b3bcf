/** "Why does this run not go on?": the question of `shoal why`, and the wait-for chains that answer it. */
import type { Ref } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import { z } from "zod";
import { runPhases, type RunPhase } from "./client.ts";
import { errorSchema, nameSchema, refSchema } from "./schema.ts";

/** Asks the coordinator, who asks every server and worker of the run and answers within about 2.5 s. */
export interface ExplainRun {
  readonly type: "explain_run";
  readonly run: string;
  readonly replyTo: Ref<ExplainReply>;
}

export type ExplainReply =
  | { readonly type: "run_explained"; readonly explanation: WaitExplanation }
  | { readonly type: "run_unknown"; readonly run: string }
  /** `mailbox_full`: too many such questions are under way. */
  | { readonly type: "run_not_explained"; readonly run: string; readonly error: SerializedError };

/** One wait: "shard-1 waits for worker-3". */
export interface WaitLink {
  /** Names of those who wait alike: "shard-1", "worker-2", "the run". */
  readonly waiters: readonly string[];
  readonly waitingFor: readonly string[];
  /** What for, as a phrase. */
  readonly reason: string;
  /** How long the longest of them has waited, ms; null where nobody has measured it. */
  readonly forMs: number | null;
}

/** Everything that waits, directly or not, for one member. */
export interface WaitChain {
  /** Who is waited for and waits for nobody itself; of a circle, those who form it. */
  readonly cause: string;
  /** What it does instead: "computing for 1.8 s, 4.9× the median time for a sample". */
  readonly state: string;
  /** Those who wait for the cause first, then those who wait for them. */
  readonly links: readonly WaitLink[];
  /** Members and shards that would go on without the cause. */
  readonly waiting: number;
}

export interface WaitExplanation {
  readonly run: string;
  readonly phase: RunPhase;
  /** The answer in one sentence. */
  readonly summary: string;
  /** Root causes, the one that most wait for first; empty when nothing waits. */
  readonly chains: readonly WaitChain[];
  /** What each member of the run does: workers, and servers that did not answer. */
  readonly members: readonly { readonly name: string; readonly state: string }[];
}

/** Bounds of an explanation, which together stay below the limit of an envelope. */
export const explanationBounds = { chains: 16, links: 8, names: 8, members: 64, sentence: 384 } as const;

export const explainRunSchema: z.ZodType<ExplainRun> = z.strictObject({
  type: z.literal("explain_run"),
  run: nameSchema,
  replyTo: refSchema<ExplainReply>(),
});

const sentence = z.string().max(explanationBounds.sentence);
const names = z.array(z.string().max(128)).max(explanationBounds.names);

const explanation: z.ZodType<WaitExplanation> = z.strictObject({
  run: nameSchema,
  phase: z.enum(runPhases),
  summary: sentence,
  chains: z
    .array(
      z.strictObject({
        cause: z.string().max(128),
        state: sentence,
        links: z
          .array(
            z.strictObject({
              waiters: names,
              waitingFor: names,
              reason: sentence,
              forMs: z.number().min(0).nullable(),
            }),
          )
          .max(explanationBounds.links),
        waiting: z.int().min(0),
      }),
    )
    .max(explanationBounds.chains),
  members: z.array(z.strictObject({ name: z.string().max(128), state: sentence })).max(explanationBounds.members),
});

export const explainReplySchema: z.ZodType<ExplainReply> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("run_explained"), explanation }),
  z.strictObject({ type: z.literal("run_unknown"), run: nameSchema }),
  z.strictObject({ type: z.literal("run_not_explained"), run: nameSchema, error: errorSchema }),
]);
