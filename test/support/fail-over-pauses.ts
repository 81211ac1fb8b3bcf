/** How long shards stood still because a server was killed: from the coordinator's log and the servers' spans. */
import { createReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { attributes, spanNames } from "@shoal/protocol";
import type { SpanRecord } from "../../packages/shoal/src/telemetry/span-record.ts";
import { changesBecauseOf, isTakeOver, type SeatChange } from "./seat-changes.ts";

export interface Kill {
  readonly node: string;
  /** ms since 1970 */
  readonly atMs: number;
}

export interface Pause extends Kill {
  /** Shards whose primary was killed; the others of the pause have lost a replica. */
  readonly takenOver: number;
  readonly shards: number;
  /** From the kill to the first version that the last of these shards made under its new seat. */
  readonly pauseMs: number;
}

/**
 * The pause of each kill that changed a seat.
 * @param kills in the order of time
 * @param applied times at which each shard applied an update, ascending, ms since 1970
 */
export function failOverPauses(
  kills: readonly Kill[],
  changes: readonly SeatChange[],
  applied: ReadonlyMap<number, readonly number[]>,
): readonly Pause[] {
  return kills.flatMap((kill, index) => {
    const untilMs = kills[index + 1]?.atMs ?? Number.POSITIVE_INFINITY;
    const within = changes.filter(({ atMs }) => atMs >= kill.atMs && atMs < untilMs);
    // The first one of each shard: what comes later is about the next life of this node.
    const own = [
      ...new Map(
        changesBecauseOf(kill.node, within)
          .toReversed()
          .map((each) => [each.shard, each]),
      ).values(),
    ];
    if (own.length === 0) return [];
    const ends = own.map(({ shard, atMs }) => applied.get(shard)?.find((time) => time >= atMs));
    if (ends.includes(undefined)) return [];
    const pauseMs = Math.max(...ends.map((each = 0) => each)) - kill.atMs;
    return [{ ...kill, takenOver: own.filter(isTakeOver).length, shards: own.length, pauseMs }];
  });
}

/**
 * The longest time that some shard stood still after each kill, whoever was killed.
 * @param windowMs what happens later has other reasons
 */
export function longestStalls(
  kills: readonly Kill[],
  applied: ReadonlyMap<number, readonly number[]>,
  windowMs: number,
): readonly number[] {
  return kills.map(({ atMs }) => {
    const gaps = [...applied.values()].flatMap((times) => {
      const first = times.findIndex((time) => time >= atMs);
      if (first === -1) return [];
      return times
        .slice(first)
        .map((time, index, later) => ({ time, since: later[index - 1] ?? atMs }))
        .filter(({ since }) => since < atMs + windowMs)
        .map(({ time, since }) => time - since);
    });
    return Math.max(0, ...gaps);
  });
}

/** Reads when each shard applied an update. Lines that a killed process has not finished are left out. */
export async function applyTimes(runFolder: string): Promise<ReadonlyMap<number, readonly number[]>> {
  const folder = join(runFolder, "trace");
  const times = new Map<number, number[]>();
  for (const file of readdirSync(folder).filter((name) => name.startsWith("server"))) {
    for await (const line of createInterface({ input: createReadStream(join(folder, file)) })) {
      if (!line.includes(`"name":"${spanNames.apply}"`)) continue;
      const span = parse(line);
      if (span === undefined) continue;
      const shard = Number(span.attributes[attributes.shard]);
      const ofShard = times.get(shard) ?? [];
      times.set(shard, ofShard);
      ofShard.push((span.startUs + span.durationUs) / 1000);
    }
  }
  return new Map([...times].map(([shard, ofShard]) => [shard, ofShard.toSorted((a, b) => a - b)]));
}

function parse(line: string): SpanRecord | undefined {
  try {
    return JSON.parse(line) as SpanRecord;
  } catch {
    return undefined;
  }
}

/** The value that a share of all is not above; the list is not empty. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
