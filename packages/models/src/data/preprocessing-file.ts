/** The preprocessing of a model's data as text, for the metadata of its file. */
import { z } from "zod";
import { ShoalError } from "@shoal/errors";
import type { Preprocessing } from "./preprocessing.ts";

/** The metadata entry of a model file that holds the preprocessing as JSON. */
export const preprocessingKey = "shoal.preprocessing";

const columnEncoding = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("number"),
    column: z.string(),
    width: z.int().min(1),
    mean: z.array(z.number()).optional(),
    deviation: z.array(z.number()).optional(),
  }),
  z.object({ kind: z.literal("category"), column: z.string(), categories: z.array(z.string()) }),
]);

const input = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("columns"), columns: z.array(columnEncoding).min(1) }),
  z.object({ kind: z.literal("bytes"), width: z.int().min(1), scale: z.number(), shift: z.number() }),
  z.object({ kind: z.literal("sparse"), features: z.int().min(1), active: z.int().min(1) }),
  z.object({
    kind: z.literal("tokens"),
    scheme: z.enum(["characters", "bytes", "r50k", "cl100k"]),
    length: z.int().min(1),
    vocabulary: z.int().min(1),
    characters: z.array(z.string()).optional(),
  }),
]);

const target = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("classes"), column: z.string(), names: z.array(z.string()) }),
  z.object({ kind: z.literal("numbers"), columns: z.array(z.string()) }),
  z.object({ kind: z.literal("next_tokens") }),
]);

const schema: z.ZodType<Preprocessing> = z.object({
  version: z.literal(1),
  format: z.enum(["csv", "jsonl", "parquet", "libsvm", "text", "idx"]),
  inputs: z.record(z.string(), input),
  targets: z.record(z.string(), target),
  delimiter: z.string().optional(),
  hasHeader: z.boolean().optional(),
});

export function encodePreprocessing(preprocessing: Preprocessing): string {
  return JSON.stringify(preprocessing);
}

/** @throws ShoalError data_corrupt for text that `encodePreprocessing` has not written */
export function decodePreprocessing(text: string): Preprocessing {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const sentence = `model file: the metadata entry ${preprocessingKey} is not that of a preprocessing`;
    throw new ShoalError("data_corrupt", sentence, { entry: preprocessingKey }, { cause: error });
  }
}
