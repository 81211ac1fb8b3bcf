/** What holds for every history of a round. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advanceRound, nextDeadline } from "./advance-round.ts";
import { resumeRound } from "./resume-round.ts";
import type { RoundEffect, RoundEvent } from "./round-events.ts";
import type { RoundPlan } from "./round-plan.ts";
import { isEnded, nothingCarried, type RoundState } from "./round-state.ts";
import { startRound } from "./start-round.ts";

const clients = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
const events: fc.Arbitrary<RoundEvent> = fc.oneof(
  { weight: 3, arbitrary: clients.map((client): RoundEvent => ({ type: "confirm", client })) },
  {
    weight: 4,
    arbitrary: clients.map((client): RoundEvent => ({ type: "report", client, contribution: `of ${client}` })),
  },
  { weight: 1, arbitrary: clients.map((client): RoundEvent => ({ type: "drop", client })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat({ max: 9 }), fc.option(fc.nat({ max: 9 }), { nil: undefined }))
      .map(([count, declining]): RoundEvent => ({ type: "available", count, declining })),
  },
  {
    weight: 3,
    arbitrary: fc
      .subarray(["a", "b", "c", "d", "e", "f", "g"])
      .map((all): RoundEvent => ({ type: "drawn", clients: all })),
  },
  { weight: 1, arbitrary: fc.constant<RoundEvent>({ type: "contributions_lost" }) },
  { weight: 1, arbitrary: fc.nat().map((version): RoundEvent => ({ type: "committed", version })) },
  { weight: 1, arbitrary: fc.constant<RoundEvent>({ type: "commit_failed", reason: "no server" }) },
  { weight: 1, arbitrary: fc.constant<RoundEvent>({ type: "tick" }) },
);
const timeout = fc.integer({ min: 1, max: 120 });
const plans: fc.Arbitrary<RoundPlan> = fc
  .record({
    ...{ minimum: fc.integer({ min: 1, max: 3 }), more: fc.nat({ max: 2 }), spare: fc.nat({ max: 3 }) },
    ...{ isBuffer: fc.boolean(), staleness: fc.nat({ max: 2 }), times: fc.tuple(timeout, timeout, timeout, timeout) },
  })
  .map(({ minimum, more, spare, isBuffer, staleness, times }) => ({
    ...{ arrival: isBuffer ? "buffer" : "round", minimum, goal: minimum + more, invited: minimum + more + spare },
    ...{ carriesOver: staleness > 0, maximumStaleness: staleness, selectionTimeoutMs: times[0] },
    ...{ configurationTimeoutMs: times[1], reportingTimeoutMs: times[2], commitTimeoutMs: times[3] },
  }));
const histories = fc.array(fc.tuple(fc.nat({ max: 30 }), events), { maxLength: 40 });
const runs = { numRuns: 10_000 };

interface Watched {
  readonly state: RoundState;
  readonly effects: readonly RoundEffect[];
}

/** Latest end of a round: selection and drawing, configuration, four times reporting and committing. */
function longestMs(plan: RoundPlan): number {
  const { selectionTimeoutMs, configurationTimeoutMs, reportingTimeoutMs, commitTimeoutMs } = plan;
  return selectionTimeoutMs + 2 * configurationTimeoutMs + 4 * (reportingTimeoutMs + commitTimeoutMs) + 1;
}

/** Plays a history, then lets time pass from deadline to deadline until the round has ended. */
function playOut(
  plan: RoundPlan,
  history: readonly (readonly [number, RoundEvent])[],
  look: (before: RoundState, after: RoundState, now: number) => RoundState,
): Watched {
  const first = startRound(plan, 5, 0);
  let { state } = first;
  const effects = [...first.effects];
  let now = 0;
  const take = (event: RoundEvent): void => {
    const before = state;
    const step = advanceRound(before, event, now);
    effects.push(...step.effects);
    expect(step.reason).not.toBe("");
    state = look(before, step.state, now);
  };
  for (const [later, event] of history) {
    now += later;
    take(event);
  }
  for (let due = nextDeadline(state); due !== undefined; due = nextDeadline(state)) {
    now = Math.max(now, due);
    expect(now).toBeLessThanOrEqual(longestMs(plan) + 40 * 30); // R1
    take({ type: "tick" });
  }
  return { state, effects };
}

describe("every history of a round", () => {
  it("ends by its deadlines in a commit, abandoned or carried over, and stays so", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        const { state } = playOut(plan, history, (before, after, now) => {
          if (isEnded(before)) expect(after).toBe(before); // R3
          const due = nextDeadline(after);
          expect(due === undefined || due > now).toBe(true); // R1
          return after;
        });
        expect(isEnded(state)).toBe(true);
      }),
      runs,
    );
  });

  it("counts each client once, and only those that were asked", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        const { state, effects } = playOut(plan, history, (_, after) => after);
        const offered = new Set(effects.flatMap((effect) => (effect.type === "offer" ? effect.clients : [])));
        const accepted = effects.flatMap((effect) => (effect.type === "accept_report" ? [effect.client] : []));
        expect(accepted.every((client) => offered.has(client))).toBe(true);
        const discarded = new Set(effects.flatMap((effect) => (effect.type === "discard" ? effect.clients : [])));
        const silent = effects.flatMap((effect) => (effect.type === "unanswered" ? effect.clients : []));
        expect(silent.every((client) => offered.has(client) && discarded.has(client))).toBe(true);
        if (state.phase === "committed") {
          const reported = state.reports.map(({ client }) => client);
          expect(new Set(reported).size).toBe(reported.length); // R2
          expect(reported.length).toBeGreaterThanOrEqual(plan.minimum);
          expect(reported.length).toBeLessThanOrEqual(plan.goal);
          expect(reported.every((client) => accepted.includes(client))).toBe(true);
        }
        const { carried } = state as Extract<RoundState, { carried: unknown }>;
        if (!plan.carriesOver && state.phase !== "abandoned") expect(carried).toEqual(nothingCarried);
      }),
      runs,
    );
  });

  it("comes to the same end when its owner dies after any step, and another goes on", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        const undisturbed = playOut(plan, history, (_, after) => after);
        // The other one reads what was written, at once and on the same clock: what it repeats changes nothing here.
        const disturbed = playOut(plan, history, (_, after, now) => {
          const stored = JSON.parse(JSON.stringify(after)) as RoundState;
          return resumeRound(stored, now).state;
        });
        expect(disturbed.state).toEqual(undisturbed.state);
      }),
      runs,
    );
  });

  it("leaves nothing undone when its owner dies before an effect", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(plans, histories, fc.nat({ max: 40 }), (plan, history, dies) => {
        let { state } = startRound(plan, 5, 0);
        let now = 0;
        for (const [later, event] of history.slice(0, dies)) {
          now += later;
          // Deadlines first: what they ask for may be answered by the event.
          state = advanceRound(state, { type: "tick" }, now).state;
          const step = advanceRound(state, event, now);
          state = step.state;
          const repeated = resumeRound(state, now).effects.map(({ type }) => type);
          const wanted = step.effects
            .map(({ type }) => type)
            .filter((type) => ["draw", "offer", "commit"].includes(type));
          // What was asked for and is not settled by the same step is asked for again.
          if (!isEnded(state)) for (const type of wanted) expect(repeated).toContain(type);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
