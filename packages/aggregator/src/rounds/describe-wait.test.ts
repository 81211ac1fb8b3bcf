import { advanceRound, startRound, type RoundEvent, type RoundPlan, type RoundState } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { describeOthers, describeWait, type NotDrawn } from "./describe-wait.ts";

const plan: RoundPlan = {
  ...{ arrival: "round", goal: 3, minimum: 2, invited: 4, carriesOver: false, maximumStaleness: 0 },
  ...{ selectionTimeoutMs: 60_000, configurationTimeoutMs: 5_000, reportingTimeoutMs: 40_000, commitTimeoutMs: 1_000 },
};
const clients = ["a", "b", "c", "d"];
const nobody: NotDrawn = { resting: 0, declining: 0, returns: () => undefined };
const drawn: readonly RoundEvent[] = [
  { type: "available", count: 4 },
  { type: "drawn", clients },
];
const confirm = (client: string): RoundEvent => ({ type: "confirm", client });
const report = (client: string): RoundEvent => ({ type: "report", client, contribution: `of ${client}` });
const training = [...drawn, ...clients.map(confirm)];

/** What is said two seconds after these, all of which happened at once. */
function after(events: readonly RoundEvent[], given: Partial<RoundPlan> = {}): string | undefined {
  const first: RoundState = startRound({ ...plan, ...given }, 7, 0).state;
  const state = events.reduce((before, event) => advanceRound(before, event, 0).state, first);
  return describeWait(state, 2_000, nobody);
}

describe("who is known and not drawn", () => {
  it("is counted by what keeps it away, with when it comes back where that is known", () => {
    const said = (others: Partial<NotDrawn>): string => describeOthers({ ...nobody, ...others }, 1_000);
    const returns = (firstMs: number, lastMs: number) => () => ({ firstMs, lastMs });
    expect(said({})).toBe("");
    expect(said({ resting: 2 })).toBe(" (2 more did not answer and rest until heard of)");
    expect(said({ declining: 1, returns: returns(40_900, 40_900) })).toBe(" (1 more declined and comes back in 40 s)");
    expect(said({ declining: 3, returns: returns(3_000, 40_900) })).toBe(
      " (3 more declined and come back in 2 to 40 s)",
    );
    expect(said({ resting: 1, declining: 3, returns: returns(41_000, 41_000) })).toBe(
      " (1 more did not answer and rests until heard of; 3 more declined and come back in 40 s)",
    );
  });
});

describe("what a round waits for", () => {
  it("is whom it has asked, and what becomes of it without them", () => {
    const asked = "round 7: 4 of 4 clients have not answered (a, b, c, d), 3 s left";
    expect(after(drawn)).toBe(`${asked}, then it is given up`);
    const two = [...drawn, confirm("a"), confirm("b")];
    expect(after(two)).toBe("round 7: 2 of 4 clients have not answered (c, d), 3 s left, then it begins without them");
    const left: RoundEvent = { type: "drop", client: "d" };
    const others = [...drawn, { type: "available", count: 1 } as const, left, ...["a", "b", "c"].map(confirm)];
    const some = "round 7: 3 clients take part, waits for others up to 4, 3 s left, then it begins without them";
    expect(after(others)).toBe(some);
  });

  it("is who trains, and how many of them are enough", () => {
    const sentence = "round 7: waits for 3 of 3 contributions (any of a, b, c, d), 38 s left, then 2 are enough";
    expect(after(training)).toBe(sentence);
    const two = [...training, report("a"), report("b")];
    expect(after([...two, { type: "drop", client: "c" }])).toBe(
      "round 7: waits for 1 of 3 contributions (d), 38 s left, then it goes on with 2",
    );
    const all = { minimum: 3 };
    expect(after([...training, report("a")], all)).toMatch(
      /2 of 3 contributions \(any of b, c, d\).*then it is given up$/,
    );
  });

  it("of a buffer is said to go on in the next round, and that nobody trains", () => {
    const buffer = { arrival: "buffer", invited: 1, minimum: 3, carriesOver: true, maximumStaleness: 2 } as const;
    const one = [
      { type: "available", count: 1 },
      { type: "drawn", clients: ["a"] },
      confirm("a"),
      report("a"),
    ] as const;
    expect(after(one, buffer)).toBe(
      "round 7: waits for 2 of 3 contributions, while nobody trains, 38 s left, then the next round has what came",
    );
  });

  it("is the parameter servers when it has what it wants, and nobody when it has ended", () => {
    const committing = [...training, ...["a", "b", "c"].map(report)];
    expect(after(committing)).toBe("round 7: puts 3 contributions together");
    const failed: RoundEvent = { type: "commit_failed", reason: "no server" };
    expect(after([...committing, failed])).toBe("round 7: puts 3 contributions together, attempt 2");
    expect(after([...committing, { type: "committed", version: 1 }])).toBeUndefined();
  });
});
