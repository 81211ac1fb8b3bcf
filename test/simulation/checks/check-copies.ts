/** What the copies of a run's shards have to be when training is over. */
import { contributionSamples } from "@shoal/protocol";
import type { Copy } from "../world/copies.ts";
import type { Witness } from "../world/witness.ts";
import { sameBits } from "../world/witness.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { WorldSite } from "../world/world.ts";
import { historyOf } from "../world/eras.ts";
import type { DiskWatch } from "./check-disk.ts";
import { checkLog, isForgetful } from "./check-log.ts";
import { replayShard } from "./replay.ts";

export interface CopyFacts {
  readonly scenario: Scenario;
  readonly copies: readonly Copy[];
  readonly witness: Witness;
  readonly site: WorldSite;
  readonly disk: DiskWatch;
  readonly shards: number;
}

export function checkCopies(facts: CopyFacts): readonly string[] {
  const { shards } = facts;
  return Array.from({ length: shards }, (_, shard) => checkShard(shard, facts)).flat();
}

/** True while a shard has no primary among the living, or one that is ahead of its replicas. */
export function isUnsettled(copies: readonly Copy[], shards: number): boolean {
  return Array.from({ length: shards }, (_, shard) => copies.filter((copy) => copy.shard === shard)).some((those) => {
    const primary = newestPrimary(those);
    if (primary === undefined) return true;
    return replicasOf(primary, those).some(({ description }) => description.version < primary.description.version);
  });
}

function checkShard(shard: number, { scenario, copies, witness, site, disk }: CopyFacts): readonly string[] {
  const { job, slots } = scenario;
  const those = copies.filter((copy) => copy.shard === shard);
  const primary = newestPrimary(those);
  if (primary === undefined) return [`no living server leads shard ${shard}`];
  const { updates, version } = primary.description;
  const { current } = witness.eras;
  const history =
    current === undefined ? [] : historyOf(current, shard, (snapshot, of) => versionIn(disk, snapshot, of));
  const { values, violations } = replayShard({ shard, updates, history, witness, site });
  const found = [...checkLog({ shard, updates, version, job, slots, witness, history }), ...violations];
  const batches = updates.reduce((sum, { contributions }) => sum + contributions.length, 0);
  const totalSteps = job.epochs * Math.ceil(scenario.samples / (contributionSamples(job) * slots));
  const most = totalSteps * slots;
  const least = isForgetful(job) ? 0 : totalSteps * (slots - job.stragglers.backup);
  if (batches < least || batches > most) found.push(`shard ${shard} has ${batches} of ${least} to ${most} batches`);
  if (isForgetful(job)) witness.missing.set(shard, most - batches);
  if (values !== undefined && !sameBits(values, primary.values)) {
    found.push(`shard ${shard} on ${primary.server} has other bits than its updates, one after the other`);
  }
  for (const replica of replicasOf(primary, those)) {
    const isEqual = replica.description.version === version && sameBits(replica.values, primary.values);
    if (!isEqual) found.push(`${replica.server} has another shard ${shard} than its primary ${primary.server}`);
  }
  return found;
}

function versionIn({ published }: DiskWatch, snapshot: string, shard: number): number {
  const manifest = published.findLast((each) => each.snapshot === snapshot);
  return manifest?.shards.find((each) => each.shard === shard)?.version ?? 0;
}

/** Of those who believe that they lead the one with the highest term: an old one may not have heard of the new one. */
function newestPrimary(copies: readonly Copy[]): Copy | undefined {
  return copies
    .filter(({ description: { seat } }) => seat === undefined || seat.role === "primary")
    .toSorted((a, b) => (b.description.seat?.term ?? 0) - (a.description.seat?.term ?? 0))[0];
}

function replicasOf({ description: { seat } }: Copy, copies: readonly Copy[]): readonly Copy[] {
  return copies.filter(({ description: { seat: its } }) => its?.role === "replica" && its.term === seat?.term);
}
