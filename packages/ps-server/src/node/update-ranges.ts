/** Reads how a shard's keys are updated from the coordinator's words. */
import { ShoalError } from "@shoal/errors";
import type { UpdateRange } from "@shoal/optimization";
import { sizeOf, type ShardAssignment, type UpdateTreatment } from "@shoal/protocol";

/** @throws ShoalError invalid_argument - the ranges do not cover the shard, or name a treatment that is not there */
export function updateRanges(
  assignment: ShardAssignment,
  treatments: readonly UpdateTreatment[],
): readonly UpdateRange[] {
  const { shard } = assignment;
  let next = 0;
  const ranges = assignment.updates.map(([end, index]): UpdateRange => {
    const begin = next;
    const treatment = treatments[index];
    if (treatment === undefined || end <= begin) {
      throw invalid(shard, `the update range [${begin}, ${end}) with treatment ${index} of ${treatments.length}`);
    }
    next = end;
    return { begin, end, treatment };
  });
  if (next === sizeOf(assignment)) return ranges;
  throw invalid(shard, `update ranges for ${next} of its ${sizeOf(assignment)} keys`);
}

function invalid(shard: number, found: string): ShoalError {
  return new ShoalError("invalid_argument", `shard ${shard} was given ${found}`, { shard });
}
