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
  const first = witness.firstValues.get(shard);
  const rules = history.at(-1)?.era.hosting;
  if (first === undefined || rules === undefined) {
    return { values: undefined, violations: [`nobody gave shard ${shard} its first values`] };
  }
  const model = createSequentialModel(rules, first, site);
  const made = pushesOf(witness, shard);
  // What a primary gave away before its replicas had it may be gone.
  const read = rules.acknowledge === "memory" ? new Map<number, never[]>() : pullsOf(witness, shard, history);
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

function pushesOf({ pushes }: Witness, shard: number): ReadonlyMap<string, WitnessedPush> {
  const found = new Map<string, WitnessedPush>();
  for (const push of pushes.values()) if (push.shard === shard) found.set(`${push.era.index}: ${keyOf(push)}`, push);
  return found;
}

/** What was read of the versions that led here: what came after the snapshot that the run went on from has gone. */
function pullsOf(
  { pulls }: Witness,
  shard: number,
  history: readonly Stretch[],
): Map<number, readonly WitnessedPull[]> {
  const stands = ({ era, version }: WitnessedPull): boolean =>
    history.some((stretch) => stretch.era === era && version >= stretch.after && version <= stretch.upTo);
  return Map.groupBy(
    pulls.filter((pull) => pull.shard === shard && stands(pull)),
    ({ version }) => version,
  );
}
