import { describe, expect, it } from "vitest";
import {
  emptyMembership,
  holderState,
  stepMembership,
  type MembershipEffect,
  type MembershipEvent,
  type MembershipState,
} from "./membership.ts";

const settings = { leaseMs: 2000, serverHeartbeatMs: 100, suspectMs: 400, tickMs: 100, maximumMembers: 8 };
const life = { member: 1, incarnation: 1 };
const heartbeat: MembershipEvent = { type: "heartbeat", ...life };
const broke: MembershipEvent = { type: "line_broke", member: 2, incarnation: 1, name: "node-1", forMs: 0 };
const deaf = (askedAtMs: number): MembershipEvent => ({ type: "deaf", ...life, askedAtMs });

/** A member of the role as number 1, heard at 0, and a worker as number 2; then the events. */
function play(
  role: "server" | "worker",
  events: readonly (readonly [number, MembershipEvent])[],
): { readonly state: MembershipState; readonly effects: readonly MembershipEffect[] } {
  const joins = ["node-1", "node-2"].map((name, index): readonly [number, MembershipEvent] => [
    0,
    { type: "join", name, role: index === 0 ? role : "worker", endpoint: null, control: `${name}/control` },
  ]);
  let state = emptyMembership;
  const effects: MembershipEffect[] = [];
  for (const [now, event] of [...joins, [0, heartbeat] as const, ...events]) {
    const step = stepMembership(state, event, now, settings);
    state = step.state;
    if (event.type !== "join" && event !== heartbeat) effects.push(...step.effects);
  }
  return { state, effects };
}

const kinds = (effects: readonly MembershipEffect[]): readonly string[] => effects.map(({ kind }) => kind);

describe("a server that may be dead", () => {
  it("is looked for when a line to it broke, and suspected at once when nobody listens for it", () => {
    const { effects, state } = play("server", [
      [20, broke],
      [22, deaf(21)],
    ]);
    expect(kinds(effects)).toEqual(["look_for", "suspected"]);
    expect(holderState(state, life, 23, settings)).toBe("suspected");
  });

  it("is looked for when its heartbeat is late, and not suspected while it may only be slow", () => {
    const { effects, state } = play("server", [
      [100, { type: "tick" }],
      [200, { type: "tick" }],
      [300, { type: "tick" }],
    ]);
    expect(kinds(effects)).toEqual(["look_for", "look_for"]);
    expect(holderState(state, life, 399, settings)).toBe("alive");
    expect(holderState(state, life, 400, settings)).toBe("suspected");
  });

  it("is refuted by a heartbeat, before and after it was found out", () => {
    const late = play("server", [
      [20, broke],
      [25, heartbeat],
      [26, deaf(21)],
    ]);
    expect(kinds(late.effects)).toEqual(["look_for"]);
    const early = play("server", [
      [22, deaf(21)],
      [30, heartbeat],
    ]);
    expect(holderState(early.state, life, 31, settings)).toBe("alive");
  });

  it("is given time to come back to the bus when the coordinator itself was cut off from it", () => {
    const { state } = play("server", [
      [100, { type: "tick" }],
      [5000, { type: "tick" }],
      [5200, deaf(5199)],
    ]);
    expect(holderState(state, life, 5999, settings)).toBe("alive");
    expect(holderState(state, life, 6000, settings)).toBe("suspected");
    const cut = play("server", [
      [100, { type: "tick" }],
      [5000, { type: "tick" }],
      [5199, broke],
      [5200, deaf(5199)],
    ]);
    expect(holderState(cut.state, life, 5201, settings)).toBe("suspected");
  });
});

describe("a worker that may be dead", () => {
  it("is lost when a line to it broke and nobody listens for it: its lease need not end", () => {
    const { effects } = play("worker", [
      [20, broke],
      [22, deaf(21)],
    ]);
    expect(effects).toMatchObject([
      { kind: "look_for" },
      {
        kind: "lost",
        member: { name: "node-1", alive: false },
        reason: expect.stringContaining("its lines broke") as string,
      },
    ]);
  });

  it("is looked for until it is heard: the bus may notice later than others that it is gone", () => {
    const { effects } = play("worker", [
      [20, broke],
      [100, { type: "tick" }],
      [200, { type: "tick" }],
      [250, heartbeat],
      [300, { type: "tick" }],
    ]);
    expect(kinds(effects)).toEqual(["look_for", "look_for", "look_for"]);
  });

  it("is not lost for being away from the bus while its lines hold", () => {
    expect(kinds(play("worker", [[22, deaf(21)]]).effects)).toEqual([]);
  });
});

describe("the word of somebody who is no member any more", () => {
  it("counts for nothing", () => {
    const stranger: MembershipEvent = { ...broke, incarnation: 7 };
    expect(kinds(play("server", [[20, stranger]]).effects)).toEqual([]);
  });
});
