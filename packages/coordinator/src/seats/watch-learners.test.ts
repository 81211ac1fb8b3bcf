import type { ShardSeat, ShardSummary } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { liveServers, serverHolder as holder, smallJob as job } from "../../../../test/support/live-servers.ts";
import { reasonOf } from "../runs/reason.ts";
import { createRun, type RunState } from "../runs/run-state.ts";
import { serverReplied } from "../runs/server-replies.ts";
import { completeSettings } from "../settings.ts";
import { advanceSeats } from "./advance-seats.ts";
import { planMoves } from "./plan-moves.ts";
import { newRunServer } from "./run-seats.ts";
import { isFillLasting, watchLearners } from "./watch-learners.ts";

const settings = completeSettings({ balanceMs: 2000 });

/** Shards of the first server, of as many keys each. @param copies of each shard that the run wants */
function training(shardCount: number, copies: number, keys = 10): RunState {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  const ranges = shards.map((shard) => ({ shard, begin: keys * shard, end: keys * (shard + 1) }));
  const seats = shards.map((shard): [number, ShardSeat] => {
    return [shard, { shard, term: 1, primary: holder(1), replicas: [], learners: [] }];
  });
  const known = new Map(shards.map((shard) => [shard, 1]));
  return {
    ...createRun({ run: "run-1", submission: "s", job, parameterCount: 80 }, 0),
    ...{ phase: "training", isSeated: true, copies, seatTerm: 1, seats: new Map(seats) },
    servers: [{ ...newRunServer({ ...holder(1), name: "server-1" }), known }],
    placement: { term: 1, shards: ranges.map((range) => ({ ...range, ...holder(1) })) },
    assignments: new Map(ranges.map((range) => [range.shard, { ...range, updates: [] }])),
  };
}

/** What the coordinator does on each tick of 100 ms, with servers that confirm their seats at once. */
function play(
  run: RunState,
  servers: number,
  from: number,
  to: number,
  tell: (run: RunState, now: number) => RunState = (same) => same,
): RunState {
  let next = run;
  for (let now = from; now <= to; now += 100) {
    const members = liveServers(servers, [], now);
    next = advanceSeats(planMoves(watchLearners(next, now), members, now, settings), members, now, settings);
    for (const { name, member } of next.servers) {
      const mine = [...next.seats.values()].filter((seat) =>
        [seat.primary, ...seat.replicas, ...seat.learners].some((each) => each.member === member),
      );
      const seats = mine.map(({ shard, term }) => ({ shard, term }));
      next = serverReplied(next, { type: "shards_seated", run: "run-1", node: name, seats }, now);
    }
    next = tell(next, now);
  }
  return next;
}

/** What a learner says of its copy. */
function told(run: RunState, node: string, shard: number, index: number, received: number, now: number): RunState {
  const seat = { term: run.seatTerm, role: "learner", index, caughtUp: [], received } as const;
  const summary = { shard, version: 0, bytesMoved: 0, waits: [], seat } as unknown as ShardSummary;
  return serverReplied(run, { type: "shards_described", run: "run-1", node, shards: [summary] }, now);
}

const learnersOf = ({ seats }: RunState) =>
  [...seats.values()].flatMap(({ learners }) => learners.map(({ node }) => node));

describe("a learner that never catches up", () => {
  it("is given up by name, another one takes its place, and it is not chosen again at once", () => {
    const begun = play(training(1, 1), 3, 0, 29_000);
    expect(learnersOf(begun)).toEqual(["server-2"]);
    expect(isFillLasting(begun, 3_000, settings)).toBe(false);
    expect(isFillLasting(begun, 4_000, settings)).toBe(true);
    expect(reasonOf(begun, 29_000)).toContain("; server-1 fills server-2 with shard 0 since 28.9 s (it has no entry)");
    const given = play(begun, 3, 29_100, 31_000);
    expect(learnersOf(given)).toEqual(["server-3"]);
    const said =
      "server-2 has not caught up with shard 0 in 30.0 s: nothing more has come from server-1 for 30.0 s (it has no entry)";
    expect(reasonOf(given, 31_000)).toContain(`; ${said}, and takes no copies for 5`);
    const both = play(given, 3, 31_100, 62_000);
    expect(learnersOf(both)).toEqual([]);
    expect(reasonOf(both, 62_000)).toContain("; server-3 has not caught up with shard 0");
    // The first one rests for a minute, then for two.
    const again = play(both, 3, 62_100, 92_000);
    expect(learnersOf(again)).toEqual(["server-2"]);
    const twice = play(again, 3, 92_100, 125_000);
    expect(twice.slowServers.get(2)).toMatchObject({ times: 2, restsUntilMs: 240_200 });
  });

  it("keeps other shards from moving no longer, and the move is over", () => {
    const begun = play(training(6, 0), 3, 10_000, 12_000);
    const [[shard, first] = [-1, { to: -1 }]] = [...begun.moves];
    expect(first.to).toBe(3);
    expect(reasonOf(begun, 16_000)).toContain(
      `shard ${shard} is on its way from server-1 to server-3 (server-1 fills server-3: it has no entry)`,
    );
    const waits = play(begun, 3, 12_100, 39_000);
    expect([...waits.moves]).toMatchObject([...begun.moves]);
    const ended = play(waits, 3, 39_100, 43_000);
    expect([...ended.moves.values()].map(({ to }) => to)).toEqual([2]);
    expect(reasonOf(ended, 43_000)).toContain(`server-3 has not caught up with shard ${shard}`);
  });
});

describe("a learner that comes on", () => {
  it("has more time, as long as something comes, and no longer than its size explains", () => {
    // 1.6 MB a megakey over the slowest line, begun eight times.
    const [keys, limitMs] = [1_000_000, 180_000 + (8 * 16_000_000) / 5_000];
    const bytes = (now: number): number => Math.floor(now / 20_000) * 4_096;
    const tell = (run: RunState, now: number): RunState => told(run, "server-2", 0, 0, bytes(now), now);
    const going = play(training(1, 1, keys), 2, 0, limitMs - 1_000, tell);
    expect(learnersOf(going)).toEqual(["server-2"]);
    const ended = play(going, 2, limitMs - 900, limitMs + 1_000, tell);
    expect(learnersOf(ended)).toEqual([]);
    expect(ended.slowServers.get(2)?.said).toMatch(
      /in 205\.\d s: it falls behind again and again \(it has no entry, and 0\.0 MiB of a state\)/,
    );
  });

  it("takes its move along when it comes at last, also after minutes", () => {
    const bytes = (now: number): number => Math.floor(now / 20_000) * 4_096;
    const begun = play(training(6, 0, 1_000_000), 2, 10_000, 12_000);
    const [[shard] = [-1]] = [...begun.moves];
    const tell = (run: RunState, now: number): RunState => told(run, "server-2", shard, 0, bytes(now), now);
    const filled = play(begun, 2, 12_100, 130_000, tell);
    expect([...filled.moves.keys()]).toEqual([shard]);
    const { term = 0 } = filled.seats.get(shard) ?? {};
    const said = { type: "learner_caught_up", run: "run-1", node: "server-1", shard, term, member: 2 } as const;
    const done = play(serverReplied(filled, said, 130_000), 2, 130_100, 131_000);
    expect(done.seats.get(shard)).toMatchObject({ primary: holder(2), replicas: [], learners: [] });
  });

  it("does not come on by beginning again and again", () => {
    const tell = (run: RunState, now: number): RunState => told(run, "server-2", 0, 0, (now % 5_000) * 100, now);
    const ended = play(training(1, 1), 2, 0, 36_000, tell);
    expect(ended.slowServers.get(2)?.said).toContain("nothing more has come from server-1 for 30.0 s");
  });

  it("is slow no more when it has caught up", () => {
    const slow = play(training(1, 1), 2, 0, 31_000);
    const again = play(slow, 2, 92_000, 93_000);
    expect(learnersOf(again)).toEqual(["server-2"]);
    const { seatTerm: term } = again;
    const said = { type: "learner_caught_up", run: "run-1", node: "server-1", shard: 0, term, member: 2 } as const;
    const done = play(serverReplied(again, said, 93_000), 2, 93_100, 94_000);
    expect(done.seats.get(0)?.replicas).toEqual([holder(2)]);
    expect(done.slowServers.size).toBe(0);
    expect(reasonOf(done, 94_000)).not.toContain("caught up");
  });

  it("is not held to the time that the coordinator itself stood still", () => {
    const begun = play(training(1, 1), 2, 0, 10_000);
    const later = play(begun, 2, 100_000, 118_000);
    expect(learnersOf(later)).toEqual(["server-2"]);
  });
});
