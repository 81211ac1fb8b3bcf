/** Whether saved errors are of this placement and this encoding. */
import type { ConcreteEncodingSpec, ResolvedEncodingSpec } from "@shoal/optimization";
import type { KeyRange } from "@shoal/protocol";
import type { ShardError } from "../saved/worker-state.ts";

/**
 * @param push what the run pushes; auto takes over what had been chosen
 * @returns the encoding to go on with, or why they do not fit
 */
export function matchErrors(
  errors: readonly ShardError[],
  shards: readonly KeyRange[],
  push: ResolvedEncodingSpec,
): ConcreteEncodingSpec | string {
  if (errors.length !== shards.length) return `they are of ${errors.length} shards, there are ${shards.length}`;
  const [first] = errors;
  if (first === undefined) return "there are none";
  const { encoding } = first;
  for (const [index, { begin, end, encoding: own }] of errors.entries()) {
    const shard = shards[index];
    if (shard?.begin !== begin || shard.end !== end) {
      return `keys ${begin} to ${end} are those of no shard: it has ${shard?.begin ?? 0} to ${shard?.end ?? 0}`;
    }
    if (!isSame(own, encoding)) return `they are of ${encoding.name} and of ${own.name}`;
  }
  if (push.name !== "auto" && !isSame(encoding, push))
    return `they are of ${encoding.name}, the run pushes ${push.name}`;
  return encoding;
}

/** Specifications are plain data with every option present, in no fixed order. */
function isSame(a: ResolvedEncodingSpec, b: ResolvedEncodingSpec): boolean {
  const text = (spec: ResolvedEncodingSpec): string =>
    JSON.stringify(Object.entries(spec).toSorted(([left], [right]) => (left < right ? -1 : 1)));
  return text(a) === text(b);
}
