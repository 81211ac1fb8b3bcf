/** What the log of a shard has to be: each batch once, in a legal order, and all that was acknowledged in it. */
import { synchronousSteps, type JobSpec, type UpdateRecord } from "@shoal/protocol";
import type { Stretch } from "../world/eras.ts";
import type { Witness, WitnessedAnswer, WitnessedPush } from "../world/witness.ts";
import { eraAt } from "./replay.ts";

export interface LogFacts {
  readonly shard: number;
  readonly updates: readonly UpdateRecord[];
  readonly version: number;
  readonly job: JobSpec;
  readonly slots: number;
  readonly witness: Witness;
  /** How the run came to these updates. */
  readonly history: readonly Stretch[];
}

/** Copies are not waited for: the newest updates may be lost, and the run says how many batches. */
export function isForgetful({ durability }: JobSpec): boolean {
  return durability.acknowledge === "memory" && durability.replicas !== 0;
}

export function checkLog(facts: LogFacts): readonly string[] {
  return [
    ...[...checkVersions(facts), ...checkBatches(facts), ...checkOrder(facts)],
    ...[...checkAnswers(facts), ...checkMadeUp(facts)],
  ];
}

function checkVersions({ shard, updates, version }: LogFacts): readonly string[] {
  const isWhole = updates.every((update, index) => update.version === index + 1) && updates.length === version;
  return isWhole ? [] : [`shard ${shard} is at version ${version} and tells of ${updates.length} updates`];
}

/** An update of nothing stands for one that was acknowledged and lost. */
function checkMadeUp({ shard, updates, witness, history }: LogFacts): readonly string[] {
  const lost = witness.answers.flatMap((answer) => {
    const { push, reply } = answer;
    const isOwn = history.some((stretch) => stretch.era === push.era && stretch.shard === push.shard);
    const isGone = isOwn && reply.type === "push_applied" && !isIn(updates[reply.version - 1], push);
    return isGone ? [reply.version] : [];
  });
  const newest = Math.max(0, ...lost);
  return updates.flatMap(({ version, contributions }) =>
    contributions.length > 0 || version <= newest ? [] : [`version ${version} of shard ${shard} stands for nothing`],
  );
}

function checkBatches({ shard, updates }: LogFacts): readonly string[] {
  const seen = new Map<number, number>();
  const twice: string[] = [];
  for (const { version, contributions } of updates) {
    for (const { batch } of contributions) {
      if (batch === null) continue;
      const before = seen.get(batch);
      if (before !== undefined) {
        twice.push(`batch ${batch} counts twice on shard ${shard}: in versions ${before} and ${version}`);
      }
      seen.set(batch, version);
    }
  }
  return twice;
}

/** The steps of a warm-up come before the clocks. */
function checkOrder(facts: LogFacts): readonly string[] {
  const steps = synchronousSteps(facts.job.consistency);
  const [early, late] = [
    facts.updates.filter((it) => it.version <= steps),
    facts.updates.filter((it) => it.version > steps),
  ];
  return [...checkSteps({ ...facts, updates: early }), ...checkClocks({ ...facts, updates: late })];
}

/**
 * Step c consists of its slots, in their order, and makes version c + 1 of version c. With backup workers some may be
 * missing.
 */
function checkSteps({ shard, updates, slots, job }: LogFacts): readonly string[] {
  const { backup } = job.stragglers;
  return updates.flatMap(({ version, contributions }) => {
    if (contributions.length === 0 && isForgetful(job)) return [];
    const batches = contributions.map(({ batch }) => batch);
    const expected = Array.from({ length: slots }, (_, slot) => (version - 1) * slots + slot);
    const present = expected.filter((batch) => batches.includes(batch));
    const isLegal =
      batches.length >= expected.length - backup &&
      present.length === batches.length &&
      (backup > 0 || present.every((batch, index) => batch === batches[index])) &&
      contributions.every(({ clock, staleness }) => clock === version - 1 && staleness === 0);
    return isLegal ? [] : [`version ${version} of shard ${shard} consists of batches ${batches.join(", ")}`];
  });
}

/** Each life of a worker goes through its clocks in their order, in each attempt anew. */
function checkClocks({ shard, updates, history }: LogFacts): readonly string[] {
  const clocks = new Map<string, number>();
  return updates.flatMap(({ version, contributions }) =>
    contributions.flatMap(({ worker, incarnation, clock, staleness }) => {
      const life = `${worker}.${incarnation} of era ${eraAt(history, version)?.index}`;
      const before = clocks.get(life) ?? -1;
      clocks.set(life, clock);
      const isLegal = clock > before && staleness >= 0;
      return isLegal ? [] : [`version ${version} of shard ${shard} is of clock ${clock} of ${life}, after ${before}`];
    }),
  );
}

/** Whoever was told that a push counts finds it in the version that was named, or for a duplicate at all. */
function checkAnswers({ shard, updates, witness, job, history }: LogFacts): readonly string[] {
  if (isForgetful(job)) return [];
  const batches = new Map<number | null, number>();
  for (const { version, contributions } of updates) for (const { batch } of contributions) batches.set(batch, version);
  return witness.answers.flatMap((answer) => {
    if (!stands(answer, history)) return [];
    const fault = faultOf(answer, updates, batches);
    if (fault === undefined) return [];
    const { push, server, atMs, reply } = answer;
    const who = `push ${push.sequence} of ${push.worker}.${push.incarnation} (batch ${String(push.batch)})`;
    return [
      `${server} answered ${who} to shard ${shard} with ${reply.type} ${reply.version} at ${atMs.toFixed(1)}: ${fault}`,
    ];
  });
}

/** What came after the snapshot that the run went on from has gone with its cluster; where it was cut, nothing may have. */
function stands({ push, reply }: WitnessedAnswer, history: readonly Stretch[]): boolean {
  return history.some(
    ({ era, shard, upTo, mayLack }) => era === push.era && shard === push.shard && (!mayLack || reply.version <= upTo),
  );
}

function faultOf(
  { push, reply }: WitnessedAnswer,
  updates: readonly UpdateRecord[],
  batches: ReadonlyMap<number | null, number>,
): string | undefined {
  if (reply.type === "push_rejected") return undefined;
  const { batch } = push;
  if (reply.type === "push_duplicate") {
    return batch === null || batches.has(batch) ? undefined : "its batch is nowhere";
  }
  return isIn(updates[reply.version - 1], push) ? undefined : "it is not in that version";
}

function isIn(update: UpdateRecord | undefined, push: WitnessedPush): boolean {
  const { worker, incarnation, clock, batch } = push;
  const isSame = (each: UpdateRecord["contributions"][number]): boolean =>
    each.worker === worker && each.incarnation === incarnation && each.clock === clock && each.batch === batch;
  return update?.contributions.some(isSame) === true;
}
