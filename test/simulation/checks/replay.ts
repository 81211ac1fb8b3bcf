/**
 * Replays a shard by the sequential model, in the order that the shard says it applied its updates. What comes out has to be
 * what the shard has, and what was read of it, bit for bit.
 */
import type { UpdateRecord } from "@shoal/protocol";
import type { Stretch } from "../world/eras.ts";
import { sameBits, type Witness, type WitnessedPull, type WitnessedPush } from "../world/witness.ts";
import type { WorldSite } from "../world/world.ts";
import { createSequentialModel } from "./sequential-model.ts";

export interface ReplayOptions {
  /** Of the newest era. */
  readonly shard: number;
  readonly updates: readonly UpdateRecord[];
  /** How the run came to these updates: at least one. */
  readonly history: readonly Stretch[];
  readonly witness: Witness;
  readonly site: WorldSite;
}

export interface Replay {
  /** Values after the last update; undefined when something is missing to replay them. */
  readonly values: Float32Array | undefined;
  readonly violations: readonly string[];
}

export function replayShard({ shard, updates, history, witness, site }: ReplayOptions): Replay {
  const [oldest] = history;
  const first = oldest && witness.firstValues.get(oldest.shard)?.slice(oldest.keys.begin, oldest.keys.end);
  const rules = history.at(-1)?.era.hosting;
  if (first === undefined || rules === undefined) {
    return { values: undefined, violations: [`nobody gave shard ${shard} its first values`] };
  }
  const model = createSequentialModel(rules, first, site);
  const made = pushesOf(witness, history);
  // What a primary gave away before its replicas had it may be gone.
  const read = rules.acknowledge === "memory" ? new Map<number, never[]>() : pullsOf(witness, history);
  const violations: string[] = [];
  const compare = (version: number): void => {
    for (const pull of read.get(version) ?? []) {
      if (sameBits(pull.values, model.values)) continue;
      violations.push(`${pull.reader} read other values of version ${version} of shard ${shard} from ${pull.server}`);
    }
    read.delete(version);
  };
  compare(0);
  for (const { version, contributions } of updates) {
    const era = eraAt(history, version)?.index;
    const applied = contributions.flatMap((contribution) => {
      const push = made.get(`${era}: ${keyOf(contribution)}`);
      if (push !== undefined) return [{ push, staleness: contribution.staleness }];
      violations.push(`version ${version} of shard ${shard} holds a push that nobody made: ${keyOf(contribution)}`);
      return [];
    });
    model.update(version - 1, applied);
    compare(version);
  }
  for (const [version, [pull]] of read) {
    violations.push(
      `${pull?.reader} read version ${version} of shard ${shard} from ${pull?.server}, which is not there`,
    );
  }
  const values = model.values.slice();
  model.dispose();
  return { values, violations };
}

/** The era in which a version was made. */
export function eraAt(history: readonly Stretch[], version: number): Stretch["era"] | undefined {
  return history.find(({ after, upTo }) => after < version && version <= upTo)?.era;
}

function keyOf(push: Pick<WitnessedPush, "worker" | "incarnation" | "clock" | "batch" | "baseVersion">): string {
  return `${push.worker}.${push.incarnation}, clock ${push.clock}, batch ${push.batch}, base ${push.baseVersion}`;
}

/** What was pushed of the keys of the shard. */
function pushesOf({ pushes }: Witness, history: readonly Stretch[]): ReadonlyMap<string, WitnessedPush> {
  const found = new Map<string, WitnessedPush>();
  for (const push of pushes.values()) {
    const stretch = history.find(({ era, shard }) => era === push.era && shard === push.shard);
    if (stretch === undefined) continue;
    found.set(`${push.era.index}: ${keyOf(push)}`, { ...push, gradient: ownOf(push.gradient, push, stretch) });
  }
  return found;
}

/** The shard's part of what is of the range of that time. What is encoded cannot be cut: such runs keep their ranges. */
function ownOf(
  vector: Float32Array,
  { era, shard }: { era: Stretch["era"]; shard: number },
  { keys }: Stretch,
): Float32Array {
  const range = era.ranges.get(shard);
  const isWhole = range === undefined || keys.end - keys.begin === range.end - range.begin;
  return isWhole ? vector : vector.subarray(keys.begin, keys.end);
}

/** What was read of the versions that led here: what came after the snapshot that the run went on from has gone. */
function pullsOf({ pulls }: Witness, history: readonly Stretch[]): Map<number, readonly WitnessedPull[]> {
  const standing = pulls.flatMap((pull) => {
    const { era, shard, version } = pull;
    const stretch = history.find(
      (each) => each.era === era && each.shard === shard && version >= each.after && version <= each.upTo,
    );
    return stretch === undefined ? [] : [{ ...pull, values: ownOf(pull.values, pull, stretch) }];
  });
  return Map.groupBy(standing, ({ version }) => version);
}
