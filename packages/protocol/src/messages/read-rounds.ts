/** "Which rounds did your machine write down?": the log of a federated run lies where its rounds were played. */
import type { Ref } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import { z } from "zod";
import { bytesSchema, errorSchema, nameSchema, refSchema } from "./schema.ts";

/**
 * Asks the coordinator, which passes it on to the worker of that name; the worker answers. A log only grows at its end, so that it
 * can be read from there, part by part.
 */
export interface ReadRounds {
  readonly type: "read_rounds";
  readonly run: string;
  readonly worker: string;
  /** Bytes before this one are wanted; null: the last ones. */
  readonly end: number | null;
  readonly replyTo: Ref<ReadRoundsReply>;
}

export type ReadRoundsReply =
  | ({ readonly type: "rounds_read"; readonly run: string } & LogPart)
  | { readonly type: "rounds_not_read"; readonly run: string; readonly error: SerializedError };

/** Bytes of a log, as they stand in its file. */
export interface LogPart {
  /** Of the first of them in the file. 0 and nothing: there is no log, or nothing before. */
  readonly begin: number;
  readonly content: Uint8Array;
}

/** Bytes of a log that one message holds: half of what an envelope takes. */
export const mostLogBytes = 131_072;

export const readRoundsSchema: z.ZodObject<{
  type: z.ZodLiteral<"read_rounds">;
  run: z.ZodType<string>;
  worker: z.ZodType<string>;
  end: z.ZodType<number | null>;
  replyTo: z.ZodType<Ref<ReadRoundsReply>>;
}> = z.strictObject({
  type: z.literal("read_rounds"),
  run: nameSchema,
  worker: nameSchema,
  end: bytesSchema.nullable(),
  replyTo: refSchema<ReadRoundsReply>(),
});

const content = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length <= mostLogBytes,
  `expected at most ${mostLogBytes} bytes`,
);

export const readRoundsReplySchema: z.ZodType<ReadRoundsReply> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("rounds_read"), run: nameSchema, begin: bytesSchema, content }),
  z.strictObject({ type: z.literal("rounds_not_read"), run: nameSchema, error: errorSchema }),
]);
