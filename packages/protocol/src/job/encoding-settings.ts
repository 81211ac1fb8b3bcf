/** How vectors are written on their way between workers and shards. */
import { z } from "zod";
import type { OpaqueSpec } from "./job-spec.ts";

/**
 * Both are checked by `parseEncodingSpec` in `optimization`; float32, the default, loses nothing.
 *
 * What a lossy encoding leaves over is kept by its sender and added to what it says next. So with one the result of a
 * synchronous run depends on who computed what: pushes without error feedback of bfloat16, float16 or int8 alone are
 * functions of the gradient, and keep the bits of a run whoever computes.
 */
export interface EncodingSettings {
  /** Of gradients. `auto`: each worker chooses by its own bandwidth and step time, once in a run. */
  readonly push: OpaqueSpec;
  /** Of values. A lossy one sends differences to what the worker has, which costs the shards a vector a worker. */
  readonly pull: OpaqueSpec;
  /**
   * Workers save what they have left unsent when they leave; also after so many steps, for those that die: what such a
   * worker has sent since then comes twice, what it has computed since is lost. null, the default: only when they leave.
   */
  readonly saveEvery?: number | null | undefined;
}

const opaque = z.record(z.string(), z.unknown());
const exact = { name: "float32" };

export const encodingSettingsSchema: z.ZodType<EncodingSettings> = z.strictObject({
  push: opaque.default(exact),
  pull: opaque.default(exact),
  saveEvery: z.int().min(1).max(0xffff_ffff).nullable().optional(),
});
