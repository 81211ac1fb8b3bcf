/** Fields that messages of both directions of the federated plane have. */
import * as z from "zod/mini";
import { mostChunkBytes, type VectorManifest } from "../contribution/manifest.ts";

export const count: z.ZodMiniType<number> = z.int().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));
export const ms: z.ZodMiniType<number> = z.number().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER));
export const sentence: z.ZodMiniType<string> = z.string().check(z.maxLength(1_024));
export const name: z.ZodMiniType<string> = z.string().check(z.regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$/));
export const encoding: z.ZodMiniType<string> = z.string().check(z.maxLength(64));
export const hash: z.ZodMiniType<string> = z.string().check(z.regex(/^[0-9a-f]{64}$/));
export const stage: z.ZodMiniType<string> = z.string().check(z.maxLength(32));
export const bytes = (most: number): z.ZodMiniType<Uint8Array> =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= most,
    `expected at most ${most} bytes`,
  );
export const finite: z.ZodMiniType<number> = z.number();

export const manifest: z.ZodMiniType<VectorManifest> = z.strictObject({
  hash,
  bytes: count,
  chunkBytes: z.int().check(z.minimum(1), z.maximum(mostChunkBytes)),
  chunkHashes: bytes(mostChunkBytes),
});
