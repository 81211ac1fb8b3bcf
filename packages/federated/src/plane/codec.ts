/** Messages of the federated plane to bytes and back. */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import type * as z from "zod/mini";
import { mostChunkBytes } from "../contribution/manifest.ts";

/** A chunk and what stands around it; a nats-server takes 1 MiB. */
export const mostMessageBytes: number = mostChunkBytes + 16 * 1024;

const limits = { what: "a message of the federated plane", maximumBytes: mostMessageBytes, allowRefs: false };

/** @throws ShoalError payload_too_large, codec_failed */
export function encodeMessage(message: object): Uint8Array {
  return encodePlainData(message, limits);
}

/** Bytes (borrowed) of any origin. @throws ShoalError payload_too_large; codec_failed - names the field */
export function decodeMessage<M>(bytes: Uint8Array, schema: z.ZodMiniType<M>): M {
  const result = schema.safeParse(decodePlainData(bytes, limits, "refuse"));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.join(".") ?? "";
  throw new ShoalError("codec_failed", `message field "${field}": ${issue?.message ?? "invalid"}`, { field });
}
