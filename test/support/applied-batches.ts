/** What the shards counted, read from the servers' own spans. */
import { join } from "node:path";
import { attributes, spanNames } from "@shoal/protocol";
import { readTrace } from "shoal";

/** How often each batch was applied, by shard: `counts.get(shard)?.get(batch)`. */
export async function appliedBatches(runsFolder: string, run: string): Promise<Map<number, Map<number, number>>> {
  const counts = new Map<number, Map<number, number>>();
  for await (const span of readTrace(join(runsFolder, run))) {
    if (span.name !== spanNames.acknowledge || span.attributes[attributes.outcome] !== "push_applied") continue;
    const shard = Number(span.attributes[attributes.shard]);
    const batch = Number(span.attributes[attributes.batch]);
    const ofShard = counts.get(shard) ?? new Map<number, number>();
    counts.set(shard, ofShard.set(batch, (ofShard.get(batch) ?? 0) + 1));
  }
  return counts;
}

/** Batches that some shard did not count exactly once, in words; empty when all is well. */
export function miscounted(
  counts: ReadonlyMap<number, ReadonlyMap<number, number>>,
  totalBatches: number,
): readonly string[] {
  const wrong: string[] = [];
  for (const [shard, ofShard] of counts) {
    for (let batch = 0; batch < totalBatches; batch += 1) {
      const count = ofShard.get(batch) ?? 0;
      if (count !== 1) wrong.push(`shard ${shard} counted batch ${batch} ${count} times`);
    }
  }
  return wrong;
}
