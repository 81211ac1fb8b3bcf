/** Which encoding `auto` stands for, by what a worker has measured. */
import { encodedBytes } from "./encoded-layout.ts";
import { parseEncodingSpec, type ConcreteEncodingSpec } from "./encoding-spec.ts";
import type { EncodingLayout } from "./encoding.ts";

/** What `auto` may become, the most exact first. */
export const automaticEncodings: readonly ConcreteEncodingSpec[] = ["float32", "bfloat16", "int8", "top_k"].map(
  (name) => parseEncodingSpec({ name }) as ConcreteEncodingSpec,
);

export interface EncodingFacts {
  /** One entry a shard. */
  readonly layouts: readonly EncodingLayout[];
  /** Bytes that the newest exchanges moved in a second, both ways. */
  readonly bytesPerSecond: number;
  /** Time that computing one contribution takes, s. */
  readonly computeSeconds: number;
}

export interface EncodingChoice {
  readonly spec: ConcreteEncodingSpec;
  readonly reason: string;
}

/** A push that takes at most this share of the computing is not worth an error. */
export const hiddenShare = 0.25;

/**
 * The most exact encoding whose push takes at most `hiddenShare` of the time of computing; the smallest where none does.
 * Pure: equal facts, equal choice.
 */
export function chooseEncoding({ layouts, bytesPerSecond, computeSeconds }: EncodingFacts): EncodingChoice {
  const candidates = automaticEncodings.map((spec) => {
    const bytes = layouts.reduce((sum, layout) => sum + encodedBytes(spec, layout), 0);
    return { spec, bytes, seconds: bytes / bytesPerSecond };
  });
  const allowed = hiddenShare * computeSeconds;
  const smallest = candidates.reduce((best, each) => (each.bytes < best.bytes ? each : best));
  const chosen = candidates.find(({ seconds }) => seconds <= allowed) ?? smallest;
  const speed = `${(bytesPerSecond / 1e6).toPrecision(3)} MB/s`;
  const times = `${chosen.seconds.toPrecision(3)} s at ${speed}, computing ${computeSeconds.toPrecision(3)} s`;
  return { spec: chosen.spec, reason: `a push as ${chosen.spec.name} takes ${times}` };
}
