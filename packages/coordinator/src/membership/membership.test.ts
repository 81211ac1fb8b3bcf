import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emptyMembership,
  readyMembers,
  stepMembership,
  type MembershipEffect,
  type MembershipEvent,
  type MembershipState,
} from "./membership.ts";

const settings = { leaseMs: 2000, serverHeartbeatMs: 100, tickMs: 200, maximumMembers: 3 };
const join = (name: string): MembershipEvent => ({
  type: "join",
  name,
  role: "worker",
  endpoint: null,
  control: `${name}/control`,
});

/** Plays events with their times and returns the last state and every effect. */
function play(
  events: readonly (readonly [number, MembershipEvent])[],
  from: MembershipState = emptyMembership,
): { state: MembershipState; effects: readonly MembershipEffect[] } {
  let state = from;
  const effects: MembershipEffect[] = [];
  for (const [now, event] of events) {
    const step = stepMembership(state, event, now, settings);
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}

describe("membership", () => {
  it("numbers nodes in the order they come and keeps the number over restarts", () => {
    const { effects } = play([
      [0, join("a")],
      [1, join("b")],
      [2, { type: "leave", member: 1, incarnation: 1 }],
      [3, join("a")],
    ]);
    const welcomes = effects.flatMap((effect) => (effect.kind === "welcome" ? [effect.member] : []));
    expect(welcomes.map(({ name, member, incarnation }) => [name, member, incarnation])).toEqual([
      ["a", 1, 1],
      ["b", 2, 1],
      ["a", 1, 2],
    ]);
  });

  it("counts a member as ready with its first heartbeat, not before", () => {
    const joined = play([[0, join("a")]]);
    expect(readyMembers(joined.state, "worker")).toEqual([]);
    const heard = play([[5, { type: "heartbeat", member: 1, incarnation: 1 }]], joined.state);
    expect(heard.effects.map((effect) => effect.kind)).toEqual(["acknowledge", "ready"]);
    expect(readyMembers(heard.state, "worker").map((member) => member.name)).toEqual(["a"]);
    expect(readyMembers(heard.state, "server")).toEqual([]);
  });

  it("gives a silent member up at the end of its lease and says so with the numbers", () => {
    const before = play([
      [0, join("a")],
      [1000, { type: "heartbeat", member: 1, incarnation: 1 }],
      [2999, { type: "tick" }],
    ]);
    expect(before.effects.filter((effect) => effect.kind === "lost")).toEqual([]);
    const after = play([[3000, { type: "tick" }]], before.state);
    expect(after.effects).toMatchObject([
      { kind: "lost", member: { name: "a", alive: false }, reason: "a sent no heartbeat for 2000 ms (lease 2000 ms)" },
    ]);
    const late = play([[3100, { type: "heartbeat", member: 1, incarnation: 1 }]], after.state);
    expect(late.effects).toMatchObject([{ kind: "ask_to_rejoin", member: 1 }]);
  });

  it("gives nobody up for a time in which the coordinator itself stood still", () => {
    const ticks = (from: number, to: number): (readonly [number, MembershipEvent])[] =>
      Array.from({ length: (to - from) / 200 + 1 }, (_, index) => [from + index * 200, { type: "tick" }] as const);
    const paused = play([[0, join("a")], ...ticks(0, 600), ...ticks(60_000, 61_000)]);
    expect(paused.effects.filter((effect) => effect.kind === "lost")).toEqual([]);
    // What was left of the lease is counted from then on.
    const silent = play(ticks(61_200, 61_800), paused.state);
    expect(silent.effects.map((effect) => effect.kind)).toEqual(["lost"]);
    const onTime = play([[0, join("a")], ...ticks(0, 2000)]);
    expect(onTime.effects.at(-1)?.kind).toBe("lost");
  });

  it("reports the earlier life lost when a node joins again before its lease ended", () => {
    const { effects, state } = play([
      [0, join("a")],
      [1, join("a")],
      [2, { type: "heartbeat", member: 1, incarnation: 1 }],
      [3, { type: "leave", member: 1, incarnation: 1 }],
    ]);
    expect(effects.map((effect) => effect.kind)).toEqual(["welcome", "lost", "welcome", "ask_to_rejoin"]);
    expect(state.members.get(1)).toMatchObject({ alive: true, incarnation: 2 });
  });

  it("forgets the node that is dead for longest when there is no room, and refuses when all live", () => {
    const full = play([
      [0, join("a")],
      [0, join("b")],
      [0, join("c")],
      [1, join("d")],
    ]);
    expect(full.effects.at(-1)).toMatchObject({ kind: "refuse" });
    const { state } = play(
      [
        [10, { type: "leave", member: 2, incarnation: 1 }],
        [11, join("d")],
      ],
      full.state,
    );
    expect([...state.members.keys()]).toEqual([1, 3, 4]);
  });

  it("never gives a life twice, whatever happens", () => {
    const names = fc.constantFrom("a", "b", "c", "d", "e");
    const life = { member: fc.integer({ min: 1, max: 6 }), incarnation: fc.integer({ min: 1, max: 4 }) };
    const event: fc.Arbitrary<MembershipEvent> = fc.oneof(
      names.map(join),
      fc.record({ type: fc.constant("heartbeat" as const), ...life }),
      fc.record({ type: fc.constant("leave" as const), ...life }),
      fc.constant({ type: "tick" as const }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1500), event), { maxLength: 80 }), (history) => {
        let now = 0;
        const timed = history.map(([delay, each]) => [(now += delay), each] as const);
        const { effects, state } = play(timed);
        const lives = effects.flatMap(({ kind, ...rest }) =>
          kind === "welcome" && "member" in rest && typeof rest.member === "object"
            ? [`${rest.member.member}.${rest.member.incarnation}`]
            : [],
        );
        expect(new Set(lives).size).toBe(lives.length);
        expect(state.members.size).toBeLessThanOrEqual(settings.maximumMembers);
      }),
    );
  });
});
