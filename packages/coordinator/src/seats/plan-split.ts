/**
 * A hot range is cut at a version that is named ahead, as a snapshot is: the run is copied there and goes on as another attempt
 * with other ranges, which take over their parts of the copies.
 *
 * Why not in place: sequence numbers, stamps, encoders and the log of a shard belong to its range, at every worker and every
 * copy. To change them while pushes are on their way would need a protocol between all of them; the way through a snapshot
 * needs none, and is proven. It costs the steps since that version, which are computed again to the same bits, and the time of a
 * start; so it is done seldom, and only where the rest of the run is long beside it.
 */
import { layoutOf, parseModelSpec } from "@shoal/models";
import { parseEncodingSpec } from "@shoal/optimization";
import { parameterUpdates } from "../placement/parameter-updates.ts";
import { isSynchronous, type RunState } from "../runs/run-state.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { speedOf, withSnapshots } from "../snapshots/advance-snapshots.ts";
import { keepsSlotStates } from "../snapshots/slot-states.ts";
import { decideSplit, type CutPlaces, type SplitShard } from "./decide-split.ts";
import type { WeighedShard } from "./balance.ts";
import type { SplitProgress } from "./split-progress.ts";

/** How often a run is cut anew: weights that never settle must not stop it again and again. */
const mostSplits = 4;
/** The rest of the run must last so many times as long as its start did. */
const worthwhile = 20;
/** What a start takes at least, ms. */
const shortestStartMs = 1000;

/** @param servers that may hold shards */
export function planSplit(
  run: RunState,
  weighed: readonly WeighedShard[],
  servers: number,
  now: number,
  { splitMs }: CoordinatorSettings,
): RunState {
  if (splitMs === 0) return run;
  const { split } = run;
  const holders = 1 + Math.min(run.copies, servers - 1);
  const decision = decideSplit({ shards: inOrder(run, weighed), servers, holders, places: () => placesOf(run) });
  if (decision.kind === "keep") return split.hot === null ? run : withSplit(run, { hot: null });
  const obstacle = decision.kind === "stuck" ? "" : obstacleOf(run, now);
  const hot = { sinceMs: split.hot?.sinceMs ?? now, reason: decision.reason + obstacle };
  const noted = split.hot?.reason === hot.reason ? run : withSplit(run, { hot });
  if (decision.kind === "stuck" || obstacle !== "" || now - hot.sinceMs < splitMs) return noted;
  return withSnapshots(withSplit(noted, { ranges: decision.ranges, count: split.count + 1 }), { isWanted: true });
}

/** A split whose snapshot has failed is given up; the time begins anew. */
export function followSplit(run: RunState, now: number): RunState {
  const { snapshots, split } = run;
  if (split.ranges === null || snapshots.underWay !== null || snapshots.isWanted) return run;
  return withSplit(run, { ranges: null, hot: split.hot && { ...split.hot, sinceMs: now } });
}

function withSplit(run: RunState, change: Partial<SplitProgress>): RunState {
  return { ...run, split: { ...run.split, ...change } };
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

/** Why a run is not cut though it should be: it would lose what it has acknowledged, its bits, or more time than it gains. */
function obstacleOf(run: RunState, now: number): string {
  const { job, split } = run;
  if (!isSynchronous(run))
    return "; only synchronous runs are cut anew: others would compute acknowledged updates again";
  const isLossy = parseEncodingSpec(job.encoding.pull).name !== "float32" || keepsSlotStates(job);
  if (isLossy || job.communication.name !== "gradients")
    return "; not cut: workers keep state for the ranges as they are";
  const { backup, predictedWaiting } = job.stragglers;
  if (backup > 0 || predictedWaiting) return "; not cut: its steps close without some contributions";
  if (split.count >= mostSplits) return `; it was cut ${split.count} times already`;
  const startMs = Math.max(shortestStartMs, (run.trainingAtMs ?? now) - (run.startedAtMs ?? now));
  const left = (run.ledger?.total ?? 0) - (run.ledger?.doneCount ?? 0);
  const [speed, needed] = [speedOf(run), worthwhile * startMs];
  return speed > 0 && left / speed >= needed ? "" : `; not cut: the rest would have to last ${Math.round(needed)} ms`;
}
