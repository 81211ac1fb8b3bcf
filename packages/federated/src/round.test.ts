import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advanceRound, nextDeadline, startRound } from "./round.ts";
import type { RoundEffect, RoundEvent, RoundPlan, RoundState } from "./round-state.ts";

const plan: RoundPlan = { goal: 3, minimum: 2, invited: 4, selectionTimeoutMs: 100, reportingTimeoutMs: 1_000 };

type TimedEvent = readonly [atMs: number, event: RoundEvent];

function play(events: readonly TimedEvent[], given: RoundPlan = plan): { state: RoundState; effects: RoundEffect[] } {
  let state: RoundState = startRound(given, 0);
  const effects: RoundEffect[] = [];
  for (const [atMs, event] of events) {
    const step = advanceRound(state, event, atMs);
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}

const checkIn = (client: string): RoundEvent => ({ type: "check_in", client });
const report = (client: string): RoundEvent => ({ type: "report", client });
const drop = (client: string): RoundEvent => ({ type: "drop", client });
const tick: RoundEvent = { type: "tick" };
const full: readonly TimedEvent[] = ["a", "b", "c", "d"].map((client) => [1, checkIn(client)]);

describe("a federated round", () => {
  it("starts when all invited clients are there and ends with the goal, letting stragglers go", () => {
    const { state, effects } = play([...full, [5, report("a")], [6, report("c")], [7, report("d")]]);
    expect(state).toEqual({ phase: "committed", atMs: 7, reported: ["a", "c", "d"] });
    expect(effects).toContainEqual({ type: "configure", clients: ["a", "b", "c", "d"] });
    expect(effects.slice(-2)).toEqual([
      { type: "commit", clients: ["a", "c", "d"] },
      { type: "discard", clients: ["b"] },
    ]);
  });

  it("starts at the selection deadline with the minimum, and is abandoned with fewer", () => {
    expect(
      play([
        [1, checkIn("a")],
        [2, checkIn("b")],
        [100, tick],
      ]).state,
    ).toMatchObject({
      phase: "reporting",
      awaited: ["a", "b"],
      deadlineMs: 1_100,
    });
    const { state } = play([
      [1, checkIn("a")],
      [100, tick],
    ]);
    expect(state).toMatchObject({ phase: "abandoned", reason: expect.stringContaining("1 clients checked in") });
  });

  it("commits at the reporting deadline with the minimum, and is abandoned with fewer", () => {
    const late: TimedEvent = [1_001, tick];
    expect(play([...full, [5, report("a")], [6, report("b")], late]).state.phase).toBe("committed");
    expect(play([...full, [5, report("a")], late]).state.phase).toBe("abandoned");
  });

  it("does not wait for the deadline when nobody is left to wait for", () => {
    const two: readonly TimedEvent[] = [
      [5, report("a")],
      [6, report("b")],
    ];
    expect(play([...full, ...two, [7, drop("c")], [8, drop("d")]]).state).toMatchObject({
      phase: "committed",
      atMs: 8,
    });
    expect(play([...full, [7, drop("a")], [8, drop("b")], [9, drop("c")]]).state).toMatchObject({
      phase: "abandoned",
      reason: "at most 1 reports can come, 2 are needed",
    });
  });

  it("refuses reports of strangers, seconds of the same client and whatever comes too late", () => {
    const refused = (events: readonly TimedEvent[]): RoundEffect | undefined => play(events).effects.at(-1);
    expect(refused([...full, [5, report("x")]])).toMatchObject({ type: "reject_report", client: "x" });
    expect(refused([...full, [5, report("a")], [6, report("a")]])).toMatchObject({
      reason: "the client has reported already",
    });
    expect(refused([...full, [1_500, report("a")]])).toMatchObject({ reason: "the round is abandoned" });
    expect(refused([...full, [5, checkIn("e")]])).toMatchObject({ type: "reject_client", client: "e" });
  });

  it("refuses a plan that contradicts itself", () => {
    expect(() => startRound({ ...plan, goal: 1 }, 0)).toThrow("expected 1 ≤ minimum ≤ goal ≤ invited, got 2, 1 and 4");
    expect(() => startRound({ ...plan, reportingTimeoutMs: 0 }, 0)).toThrow("reportingTimeoutMs must be");
  });
});

const clients = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
const events: fc.Arbitrary<RoundEvent> = fc.oneof(
  fc.record({ type: fc.constantFrom("check_in" as const, "report" as const, "drop" as const), client: clients }),
  fc.constant(tick),
);
const plans: fc.Arbitrary<RoundPlan> = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.integer({ min: 1, max: 200 }))
  .map(([minimum, more, spare, timeout]) => ({
    minimum,
    goal: minimum + more,
    invited: minimum + more + spare,
    selectionTimeoutMs: timeout,
    reportingTimeoutMs: 2 * timeout,
  }));

describe("every history of a round", () => {
  it("ends by its deadlines, with reports of selected clients only", () => {
    const histories = fc.array(fc.tuple(fc.nat({ max: 60 }), events), { maxLength: 40 });
    fc.assert(
      fc.property(plans, histories, (given, history) => {
        let now = 0;
        let state: RoundState = startRound(given, now);
        const configured = new Set<string>();
        const accepted: string[] = [];
        let last = 0;
        const take = (event: RoundEvent): void => {
          const before = state;
          const step = advanceRound(state, event, now);
          if (before.phase === "committed" || before.phase === "abandoned") expect(step.state).toBe(before); // R3
          state = step.state;
          for (const effect of step.effects) {
            if (effect.type === "configure") for (const client of effect.clients) configured.add(client);
            if (effect.type === "accept_report") accepted.push(effect.client);
          }
          expect(step.reason).not.toBe("");
          last = nextDeadline(state) ?? last;
          expect(nextDeadline(state) === undefined || last > now).toBe(true); // R1
        };
        for (const [later, event] of history) {
          now += later;
          take(event);
        }
        for (let look = 0; look < 2; look += 1) {
          now = Math.max(now, nextDeadline(state) ?? now);
          take(tick);
        }
        const end = state as RoundState; // assigned by take, which the compiler does not see
        expect(["committed", "abandoned"]).toContain(end.phase);
        expect(new Set(accepted).size).toBe(accepted.length);
        expect(accepted.every((client) => configured.has(client))).toBe(true);
        expect(configured.size).toBeLessThanOrEqual(given.invited);
        if (end.phase === "committed") {
          expect(end.reported).toEqual(accepted); // R2
          expect(accepted.length).toBeGreaterThanOrEqual(given.minimum);
          expect(accepted.length).toBeLessThanOrEqual(given.goal);
        }
      }),
      { numRuns: 400 },
    );
  });
});
