/** Messages of the federated plane to bytes and back. */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import type * as z from "zod/mini";
import { mostChunkBytes } from "../contribution/manifest.ts";
import { clientReplySchema } from "./reply-schemas.ts";
import type { ClientReply } from "./requests.ts";
import { planeProtocol } from "./task-description.ts";

/** A chunk and what stands around it; a nats-server takes 1 MiB. */
export const mostMessageBytes: number = mostChunkBytes + 16 * 1024;

const limits = { what: "a message of the federated plane", maximumBytes: mostMessageBytes, allowRefs: false };

/** @throws ShoalError payload_too_large, codec_failed */
export function encodeMessage(message: object): Uint8Array {
  return encodePlainData(message, limits);
}

/** Bytes (borrowed) of any origin. @throws ShoalError payload_too_large; codec_failed - names the field */
export function decodeMessage<M>(bytes: Uint8Array, schema: z.ZodMiniType<M>): M {
  return check(decodePlainData(bytes, limits, "refuse"), schema);
}

/**
 * A reply, bytes of any origin (borrowed). That of a newer release may hold what this one cannot know: its number is looked
 * at first.
 * @throws ShoalError update_needed; payload_too_large; codec_failed - names the field
 */
export function decodeReply(bytes: Uint8Array): ClientReply {
  const value = decodePlainData(bytes, limits, "refuse");
  const { task } = (value ?? {}) as { readonly task?: { readonly protocol?: unknown } | null };
  const protocol = task?.protocol;
  if (typeof protocol === "number" && protocol > planeProtocol) {
    const sentence = `the task speaks protocol ${protocol}, this client ${planeProtocol}: update the client, or load its page again`;
    throw new ShoalError("update_needed", sentence, { protocol, own: planeProtocol });
  }
  return check(value, clientReplySchema);
}

function check<M>(value: unknown, schema: z.ZodMiniType<M>): M {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.join(".") ?? "";
  throw new ShoalError("codec_failed", `message field "${field}": ${issue?.message ?? "invalid"}`, { field });
}
