/** What both ends of an encoding are told of a shard's keys. */
import type { ParameterLayout } from "@shoal/models";
import { matricesWithin } from "@shoal/optimization";
import type { EncodingSettings, KeyRange, ShardEncodingLayout } from "@shoal/protocol";

/**
 * The matrices are named only where an encoding asks for them: a model may have many. Running statistics are never encoded:
 * a variance that gets its error late can become negative.
 * @returns nothing with float32 both ways
 */
export function encodedPart(
  { encoding: { push, pull } }: { readonly encoding: EncodingSettings },
  { segments }: ParameterLayout,
  range: KeyRange,
): { readonly encoding?: ShardEncodingLayout } {
  const names = [push["name"], pull["name"]];
  if (names.every((name) => name === "float32")) return {};
  const found = names.includes("power_sgd") ? matricesWithin(segments, range) : [];
  const matrices = found.map(({ offset, rows, columns }) => [offset, rows, columns] as const);
  const plain = segments.flatMap(({ offset, length, role }) => {
    const begin = Math.max(offset, range.begin) - range.begin;
    const end = Math.min(offset + length, range.end) - range.begin;
    return role === "statistic" && end > begin ? [[begin, end] as const] : [];
  });
  return { encoding: { matrices, plain } };
}
