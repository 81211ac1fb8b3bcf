/**
 * The exchange with a shard whose turn it is not (see `fragments` of DiLoCo): an empty contribution, which keeps its steps
 * in count, and no pull, as its values do not change.
 */
import type { ShardPlacement } from "@shoal/protocol";
import type { Contribution, PullTarget } from "./contribution.ts";
import type { ShardOutcome } from "./staged-push.ts";

export interface DuePorts {
  readonly placementOf: (index: number) => ShardPlacement | undefined;
  readonly exchange: (index: number, contribution: Contribution, target?: PullTarget) => Promise<ShardOutcome>;
  /** @returns the version of the values, which are in the target then */
  readonly pull: (target: PullTarget, placement: ShardPlacement, index: number) => Promise<number>;
}

export async function exchangeIfDue(
  ports: DuePorts,
  index: number,
  contribution: Contribution,
  target?: PullTarget,
): Promise<ShardOutcome> {
  if (contribution.isDue?.(index) !== false) return ports.exchange(index, contribution, target);
  const { push } = await ports.exchange(index, { ...contribution, samples: 0 });
  const placement = ports.placementOf(index);
  if (target === undefined || placement === undefined) return { push };
  const { begin, end } = placement;
  // A shard that is further on than this step has had its turn without us.
  if (target.former === undefined || push.version !== target.clock) {
    return { push, pull: { type: "values", version: await ports.pull(target, placement, index) } };
  }
  target.into.set(target.former.subarray(begin, end), begin);
  target.arrived?.(index, push.version);
  return { push, pull: { type: "values", version: push.version } };
}
