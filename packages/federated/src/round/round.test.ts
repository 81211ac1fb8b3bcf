import { describe, expect, it } from "vitest";
import { advanceRound, nextDeadline } from "./advance-round.ts";
import { decideBeginning } from "./decide-beginning.ts";
import { resumeRound } from "./resume-round.ts";
import type { RoundEffect, RoundEvent } from "./round-events.ts";
import type { RoundPlan } from "./round-plan.ts";
import { nothingCarried, type Carried, type RoundState } from "./round-state.ts";
import { mostGone } from "./running.ts";
import { startRound } from "./start-round.ts";

const plan: RoundPlan = {
  ...{ arrival: "round", goal: 3, minimum: 2, invited: 4, carriesOver: false, maximumStaleness: 0 },
  ...{ selectionTimeoutMs: 100, configurationTimeoutMs: 50, reportingTimeoutMs: 1_000, commitTimeoutMs: 2_000 },
};
const buffer: RoundPlan = {
  ...plan,
  arrival: "buffer",
  minimum: 3,
  invited: 2,
  carriesOver: true,
  maximumStaleness: 2,
};

type TimedEvent = readonly [atMs: number, event: RoundEvent];
interface Played {
  readonly state: RoundState;
  readonly effects: readonly RoundEffect[];
}

function play(events: readonly TimedEvent[], given = plan, carried?: Carried): Played {
  const first = startRound(given, 1, 0, carried);
  let { state } = first;
  const effects = [...first.effects];
  for (const [atMs, event] of events) {
    const step = advanceRound(state, event, atMs);
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}

const available = (count: number): RoundEvent => ({ type: "available", count });
const drawn = (...clients: string[]): RoundEvent => ({ type: "drawn", clients });
const confirm = (client: string): RoundEvent => ({ type: "confirm", client });
const report = (client: string): RoundEvent => ({ type: "report", client, contribution: `of ${client}` });
const drop = (client: string): RoundEvent => ({ type: "drop", client });
const lost: RoundEvent = { type: "contributions_lost" };
const tick: RoundEvent = { type: "tick" };
const asked: readonly TimedEvent[] = [
  [1, available(4)],
  [2, drawn("a", "b", "c", "d")],
];
const training: readonly TimedEvent[] = [
  ...asked,
  ...["a", "b", "c", "d"].map((client): TimedEvent => [3, confirm(client)]),
];
const enough: readonly TimedEvent[] = [...training, [5, report("a")], [6, report("c")], [7, report("d")]];

describe("a federated round", () => {
  it("draws, asks, starts the cohort and commits with the goal, letting stragglers go", () => {
    const { state, effects } = play([...enough, [9, { type: "committed", version: 12 }]]);
    expect(state).toMatchObject({ phase: "committed", version: 12, atMs: 9, carried: { members: [], reports: [] } });
    expect(effects.map(({ type }) => type)).toEqual([
      ...["draw", "offer", "start_cohort", "accept_report", "accept_report", "accept_report", "commit", "discard"],
    ]);
    expect(effects.at(-2)).toMatchObject({ type: "commit", number: 1 });
    expect(effects.at(-1)).toMatchObject({ clients: ["b"] });
  });

  it("begins at the selection deadline with the minimum, and is abandoned with fewer", () => {
    expect(play([[1, available(2)], [100, tick]]).effects).toEqual([{ type: "draw", count: 2, except: [] }]); // prettier-ignore
    expect(play([[1, available(1)], [100, tick]]).state).toMatchObject({ phase: "abandoned", isTorn: false }); // prettier-ignore
  });

  it("does not wait for those who have declined lately, nor begins with them alone", () => {
    const declining = (count: number, others: number): TimedEvent => {
      return [1, { type: "available", count, declining: others }];
    };
    expect(play([declining(2, 1)]).effects).toEqual([]);
    expect(play([declining(2, 2)]).effects).toEqual([{ type: "draw", count: 2, except: [] }]);
    expect(play([declining(1, 9)]).effects).toEqual([]);
    expect(play([declining(1, 9), [100, tick]]).state).toMatchObject({ phase: "abandoned" });
  });

  it("puts others in the place of those who decline or are silent, while it is made up", () => {
    const { state, effects } = play([
      [1, available(6)],
      [2, drawn("a", "b", "c", "d")],
      [3, drop("a")],
      [4, drawn("e")],
      [5, confirm("b")],
      [52, tick],
    ]);
    expect(effects).toContainEqual({ type: "draw", count: 1, except: ["b", "c", "d", "a"] });
    expect(effects).toContainEqual(expect.objectContaining({ type: "offer", clients: ["e"] }));
    expect(state).toMatchObject({ phase: "abandoned" });
  });

  it("goes on with those who confirmed when the others were silent", () => {
    const { state, effects } = play([...asked, [3, confirm("a")], [4, confirm("d")], [52, tick]]);
    expect(state).toMatchObject({ phase: "reporting", deadlineMs: 1_052 });
    expect(effects.at(-1)).toEqual({ type: "start_cohort", clients: ["a", "d"] });
    // Who says nothing to an offer is told from who trains for too long.
    const ofSilence = effects.filter(({ type }) => type === "unanswered" || type === "discard");
    expect(ofSilence).toMatchObject([
      { type: "unanswered", clients: ["b", "c"] },
      { type: "discard", clients: ["b", "c"] },
    ]);
    expect(play([...training, [2_000, tick]]).effects.some(({ type }) => type === "unanswered")).toBe(false);
  });

  it("is not begun before enough clients are idle, unless some are carried over", () => {
    const member = { client: "a", status: "training", sinceRound: 1, byMs: 9 } as const;
    expect(decideBeginning(plan, nothingCarried, 1)).toEqual({
      ...{ kind: "wait", reason: "1 client is idle, 2 are needed" },
    });
    expect(decideBeginning(plan, nothingCarried, 2).kind).toBe("begin");
    expect(decideBeginning(buffer, nothingCarried, 0).kind).toBe("wait");
    expect(decideBeginning(buffer, { members: [member], reports: [] }, 0).kind).toBe("begin");
    expect(decideBeginning({ ...plan, draw: "poisson", minimum: 0 }, nothingCarried, 0).kind).toBe("wait");
  });

  it("commits at the reporting deadline with the minimum, and is abandoned with fewer", () => {
    const late: TimedEvent = [1_004, tick];
    expect(play([...training, [5, report("a")], [6, report("b")], late]).state.phase).toBe("committing");
    expect(play([...training, [5, report("a")], late]).state.phase).toBe("abandoned");
  });

  it("does not wait for the deadline when nobody is left to wait for", () => {
    const two: readonly TimedEvent[] = [...training, [5, report("a")], [6, report("b")]];
    expect(play([...two, [7, drop("c")], [8, drop("d")]]).state.phase).toBe("committing");
    const none = play([...training, [7, drop("a")], [8, drop("b")], [9, drop("c")]]);
    expect(none.state).toMatchObject({ phase: "abandoned", atMs: 9 });
    expect(none.state).toMatchObject({ reason: "at most 1 contribution can come, 2 are needed" });
  });

  it("refuses strangers, second contributions and what comes too late, and says which", () => {
    const refused = (events: readonly TimedEvent[]): unknown => play(events).effects.at(-1);
    expect(refused([...training, [5, report("x")]])).toMatchObject({ kind: "not_a_member" });
    expect(refused([...training, [5, report("a")], [6, report("a")]])).toMatchObject({ kind: "duplicate" });
    expect(refused([...enough, [8, report("b")]])).toMatchObject({ kind: "too_late" });
    expect(refused([...enough, [8, { type: "committed", version: 1 }], [9, report("b")]])).toMatchObject({
      kind: "too_late",
    });
  });

  it("tries a commit again, and says that parameters may be torn when that never works", () => {
    const failed: RoundEvent = { type: "commit_failed", reason: "no server" };
    const commits = (events: readonly TimedEvent[]): number =>
      play(events).effects.filter(({ type }) => type === "commit").length;
    expect(commits([...enough, [10, failed], [259, tick]])).toBe(1);
    expect(commits([...enough, [10, failed], [260, tick]])).toBe(2);
    expect(play([...enough, [10, failed], [2_007, tick]]).state).toMatchObject({ phase: "abandoned", isTorn: true });
  });

  it("asks again for contributions that were lost with their aggregator, three times at most", () => {
    const once = play([...enough, [8, lost]]);
    expect(once.effects.at(-1)).toEqual({ type: "ask_again", clients: ["a", "c", "d"] });
    expect(once.state).toMatchObject({ phase: "reporting", reports: [], deadlineMs: 1_008 });
    const again = ["a", "c", "d"].map((client): TimedEvent => [9, report(client)]);
    expect(play([...enough, [8, lost], ...again]).state.phase).toBe("committing");
    const often = play([...enough, [8, lost], ...again, [9, lost], ...again, [9, lost], ...again, [9, lost]]);
    expect(often.state).toMatchObject({ phase: "abandoned", isTorn: true });
  });

  it("refuses a plan that contradicts itself", () => {
    const start =
      (given: Partial<RoundPlan>): (() => unknown) =>
      () =>
        startRound({ ...plan, ...given }, 1, 0);
    expect(start({ goal: 1 })).toThrow("expected 1 ≤ minimum ≤ goal, got 2 and 1");
    expect(start({ invited: 2 })).toThrow("invited must be at least the goal of 3");
    expect(start({ reportingTimeoutMs: 0 })).toThrow("reportingTimeoutMs must be");
    expect(start({ carriesOver: true })).toThrow("contradict each other");
  });
});

describe("a buffer", () => {
  const first: readonly TimedEvent[] = [
    [1, available(9)],
    [2, drawn("a", "b")],
    [3, confirm("a")],
    [3, confirm("b")],
    [5, report("a")],
    [6, drawn("c")],
    [7, report("c")],
    [8, drawn("d")],
    [9, report("b")],
  ];

  it("takes another client for each that has finished, and leaves those who train to the next round", () => {
    const { state, effects } = play([...first, [10, { type: "committed", version: 1 }]], buffer);
    expect(effects.filter(({ type }) => type === "draw")).toHaveLength(3);
    expect(state).toMatchObject({ phase: "committed", reports: [{ client: "a" }, { client: "c" }, { client: "b" }] });
    expect(state).toMatchObject({ carried: { members: [{ client: "d", sinceRound: 1 }] } });
  });

  it("begins the next round with them, without a selection, and lets go what is too old", () => {
    const { state } = play([...first, [10, { type: "committed", version: 1 }]], buffer);
    const { carried } = state as Extract<RoundState, { carried: unknown }>;
    expect(startRound(buffer, 2, 11, carried)).toMatchObject({
      state: { phase: "reporting", members: [{ client: "d" }] },
    });
    expect(startRound(buffer, 4, 11, carried)).toMatchObject({
      state: { phase: "selecting" },
      effects: [{ type: "discard", clients: ["d"] }],
    });
  });

  it("carries over what came too seldom", () => {
    const { state } = play([...first.slice(0, 5), [1_003, tick]], buffer);
    expect(state).toMatchObject({ phase: "carried_over", carried: { reports: [{ client: "a" }] } });
  });

  it("counts what comes during the commit in the next round", () => {
    const { state, effects } = play([...first, [10, report("d")]], buffer);
    expect(effects.at(-1)).toMatchObject({ type: "accept_report", client: "d" });
    expect(state).toMatchObject({ phase: "committing", carried: { members: [], reports: [{ client: "d" }] } });
  });
});

describe("who has gone", () => {
  it("is not drawn again, as far as a round remembers: the newest, so that its state stays small", () => {
    const given = { ...buffer, reportingTimeoutMs: 1e6, configurationTimeoutMs: 1e6, selectionTimeoutMs: 1e6 };
    const events = Array.from({ length: 2 * mostGone }, (_, index): readonly TimedEvent[] => [
      [index, available(9)],
      [index, drawn(`c${index}`)],
      [index, drop(`c${index}`)],
    ]);
    const { state, effects } = play(events.flat(), { ...given, invited: 1 });
    expect(state).toMatchObject({ phase: "reporting", gone: { length: mostGone } });
    const draws = effects.filter((effect) => effect.type === "draw");
    expect(draws.at(-1)?.except).toContain(`c${2 * mostGone - 1}`);
    expect(Math.max(...draws.map(({ except }) => except.length))).toBeLessThanOrEqual(mostGone + 1);
  });
});

describe("a round that is read from the store", () => {
  it("has as much time left as it had, on a clock that has nothing to do with the old one", () => {
    const { state } = play([...training, [5, report("a")]]);
    const resumed = resumeRound(state, 1_000_000).state;
    expect(nextDeadline(resumed)).toBe(1_000_000 + 1_003 - 5);
  });

  it("repeats what may not have been done", () => {
    const repeated = (events: readonly TimedEvent[]): readonly string[] =>
      resumeRound(play(events).state, 50).effects.map(({ type }) => type);
    expect(repeated([[1, available(4)]])).toEqual(["draw"]);
    expect(repeated(asked)).toEqual(["offer"]);
    expect(repeated([...training, [5, report("a")]])).toEqual(["accept_report", "start_cohort"]);
    expect(repeated(enough)).toEqual(["commit"]);
  });
});
