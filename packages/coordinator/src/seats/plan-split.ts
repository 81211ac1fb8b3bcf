/**
 * A hot range is cut where the run is copied: at a version that is named ahead, as a snapshot is, or, where batches are
 * leased, at rest (`decide-rest.ts`). It goes on as another attempt with other ranges, which take over their parts of the copies.
 *
 * Why not in place: sequence numbers, stamps, encoders and the log of a shard belong to its range, at every worker and every
 * copy. To change them while pushes are on their way would need a protocol between all of them; the way through a snapshot
 * needs none, and is proven. It costs the steps since that version, which are computed again to the same bits, or the time to come
 * to rest, and that of a start; so it is done seldom, and only where the rest of the run is long beside it.
 */
import { counted } from "@shoal/errors";
import { layoutOf, parseModelSpec } from "@shoal/models";
import { parseEncodingSpec } from "@shoal/optimization";
import { parameterUpdates } from "../placement/parameter-updates.ts";
import { isSynchronous, isWarmingUp, takesPart, type RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { speedOf, withSnapshots } from "../snapshots/advance-snapshots.ts";
import { keepsStates } from "../snapshots/slot-states.ts";
import { revisionAtServers } from "../runs/roster.ts";
import { decideRest, type RestFacts } from "./decide-rest.ts";
import { decideSplit, type CutPlaces, type SplitShard } from "./decide-split.ts";
import type { WeighedShard } from "./balance.ts";
import { giveUpSplit, isResting, withSplit } from "./split-stages.ts";

/** How often a run is cut anew: weights that never settle must not stop it again and again. */
const mostSplits = 4;
/** What a start takes at least, ms. */
const shortestStartMs = 1000;

/** @param servers that may hold shards */
export function planSplit(
  run: RunState,
  weighed: readonly WeighedShard[],
  servers: number,
  now: number,
  settings: CoordinatorSettings,
): RunState {
  const { splitMs } = settings;
  if (splitMs === 0) return run;
  const { split } = run;
  const holders = 1 + Math.min(run.copies, servers - 1);
  const decision = decideSplit({ shards: inOrder(run, weighed), servers, holders, places: () => placesOf(run) });
  if (decision.kind === "keep") return split.hot === null ? run : withSplit(run, { hot: null, failure: "" });
  const obstacle = decision.kind === "stuck" ? "" : obstacleOf(run, now, settings);
  const hot = { sinceMs: split.hot?.sinceMs ?? now, reason: decision.reason + obstacle };
  const noted = split.hot?.reason === hot.reason ? run : withSplit(run, { hot });
  if (decision.kind === "stuck" || obstacle !== "" || now - hot.sinceMs < splitMs) return noted;
  const decided = withSplit(noted, { ranges: decision.ranges, decidedAtMs: now, failure: "", count: split.count + 1 });
  if (isSynchronous(run)) return withSnapshots(decided, { isWanted: true });
  return withSplit(decided, { awaits: "everybody to come to rest" });
}

/** Moves a split that was decided on. One that cannot be made is given up; the time begins anew. */
export function followSplit(run: RunState, now: number, settings: CoordinatorSettings): RunState {
  const { snapshots, split } = run;
  if (split.ranges === null) return run;
  if (isResting(run) && split.awaits !== null) return comeToRest(run, now, settings);
  const sinceMs = now - split.decidedAtMs;
  if (isResting(run) && sinceMs >= settings.restMs) return giveUpSplit(run, copyingText(run, sinceMs), now);
  if (snapshots.underWay !== null || snapshots.isWanted) return run;
  return giveUpSplit(run, snapshots.failure ?? "it could not be copied", now);
}

function comeToRest(run: RunState, now: number, { restMs }: CoordinatorSettings): RunState {
  const decision = decideRest(restFacts(run, now - run.split.decidedAtMs, restMs));
  switch (decision.kind) {
    case "wait":
      return run.split.awaits === decision.reason ? run : withSplit(run, { awaits: decision.reason });
    case "rest":
      return withSnapshots(withSplit(run, { awaits: null }), { isWanted: true });
    case "give_up":
      return giveUpSplit(run, `it did not come to rest ${decision.reason}`, now);
  }
}

function copyingText({ snapshots: { underWay }, seats }: RunState, sinceMs: number): string {
  const missing = [...seats.values()].filter(({ shard }) => underWay?.saved.has(shard) !== true);
  const names = [...new Set(missing.map(({ primary }) => primary.node))].join(", ");
  return `it was not copied within ${Math.round(sinceMs)} ms${names === "" ? "" : `: ${names} did not save shards`}`;
}

function restFacts(run: RunState, sinceMs: number, limitMs: number): RestFacts {
  const { roster, workers, ledger, snapshots, servers } = run;
  const nameOf = (member: number): string => workers.get(member)?.name ?? `member ${member}`;
  const isOut = (member: number): boolean => {
    const worker = workers.get(member);
    return worker === undefined || takesPart(run, worker) === undefined;
  };
  const isServed = revisionAtServers(run) >= roster.servedRevision;
  const behind = servers.filter(({ alive, confirmedRevision }) => alive && confirmedRevision < roster.servedRevision);
  return {
    working: (ledger?.leases ?? []).map(({ member }) => nameOf(member)),
    unfenced: roster.members.filter(isOut).map(nameOf),
    outdated: isServed ? [] : behind.map(({ name }) => name),
    isCopied: snapshots.underWay !== null || snapshots.isWanted,
    ...{ sinceMs, limitMs },
  };
}

function inOrder({ assignments }: RunState, weighed: readonly WeighedShard[]): readonly SplitShard[] {
  return weighed
    .flatMap(({ shard, weight }) => {
      const range = assignments.get(shard);
      return range === undefined ? [] : [{ shard, weight, begin: range.begin, end: range.end }];
    })
    .toSorted((a, b) => a.begin - b.begin);
}

function placesOf({ job }: RunState): CutPlaces {
  const layout = layoutOf(parseModelSpec(job.model));
  const rows = layout.segments.flatMap(({ offset, length, shape: [, ...others] }) => {
    const columns = others.reduce((product, size) => product * size, 1);
    return others.length === 0 || columns < 2 ? [] : [{ offset, length, columns }];
  });
  return { cuts: parameterUpdates(job, layout).cuts, rows };
}

/** Why a run is not cut though it should be: it would lose something, its bits, or more time than it gains. */
function obstacleOf(run: RunState, now: number, { splitWorth }: CoordinatorSettings): string {
  const { job, split } = run;
  // Shadows of lossy pulls are gone with their workers: values come whole then, which are others than a difference leads to.
  const losesBits = isSynchronous(run) && parseEncodingSpec(job.encoding.pull).name !== "float32";
  if (losesBits || keepsStates(job) || job.communication.name !== "gradients")
    return "; not cut: workers keep state for the ranges as they are";
  if (job.federated !== null) return "; not cut: its clients would train again, and pay again with their privacy";
  const { backup, predictedWaiting } = job.stragglers;
  if (backup > 0 || predictedWaiting) return "; not cut: its steps close without some contributions";
  if (split.count >= mostSplits) return `; it was cut ${counted(split.count, "time")} already`;
  if (isWarmingUp(run)) return "; not cut before its warm-up is over";
  const startMs = Math.max(shortestStartMs, (run.trainingAtMs ?? now) - (run.startedAtMs ?? now));
  const left = (run.ledger?.total ?? 0) - (run.ledger?.doneCount ?? 0);
  const [speed, needed] = [speedOf(run), splitWorth * startMs];
  return speed > 0 && left / speed >= needed ? "" : `; not cut: the rest would have to last ${Math.round(needed)} ms`;
}
