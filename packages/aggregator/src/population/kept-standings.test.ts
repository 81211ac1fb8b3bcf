import { defaultStandingRules, goodStanding, holdAgainst, isTrusted, type Standing } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { mostKept, onClock, standingIn, withStanding, type KeptStandings } from "./kept-standings.ts";

const rules = { ...defaultStandingRules, quarantineMs: 10_000 };
const quarantined = (nowMs: number): Standing => {
  let standing = goodStanding;
  for (let time = 0; time < rules.mostOffences; time += 1) standing = holdAgainst(standing, rules, nowMs);
  return standing;
};
const namesIn = ({ clients }: KeptStandings): readonly string[] => clients.map(([client]) => client);

describe("what lasts of what is held against clients", () => {
  it("is as far away on another clock as it was when it was written", () => {
    const kept = withStanding(undefined, "a", quarantined(1_000), { rules, nowMs: 1_000 });
    const once = withStanding(kept, "b", holdAgainst(goodStanding, rules, 4_000), { rules, nowMs: 4_000 });
    const [a, b] = onClock(once, 1e12).clients.map(standingIn);
    expect(a).toEqual({ offences: 0, asOfMs: 1e12 - 3_000, quarantines: 1, quarantinedUntilMs: 1e12 + 7_000 });
    expect(b).toEqual({ offences: 1, asOfMs: 1e12, quarantines: 0, quarantinedUntilMs: 0 });
    const [back] = onClock(onClock(once, 5), 4_000).clients;
    expect(back).toEqual(once.clients[0]);
  });

  it("has a bound, at which those in quarantine stay and the oldest offence is forgotten", () => {
    let kept = withStanding(undefined, "liar", quarantined(0), { rules, nowMs: 0 });
    const once = holdAgainst(goodStanding, rules, 1);
    for (let index = 0; index < 2 * mostKept; index += 1) {
      kept = withStanding(kept, `c${index}`, once, { rules, nowMs: 1 });
    }
    expect(namesIn(kept)).toHaveLength(mostKept);
    expect(namesIn(kept).slice(0, 2)).toEqual(["liar", `c${mostKept + 1}`]);
    for (let index = 0; index < mostKept; index += 1) {
      kept = withStanding(kept, `l${index}`, quarantined(2), { rules, nowMs: 2 });
    }
    expect(namesIn(kept)).toEqual(Array.from({ length: mostKept }, (_, index) => `l${index}`));
    expect(kept.clients.every((each) => !isTrusted(standingIn(each), 2))).toBe(true);
  });

  it("names a client once, and nobody who has long been good", () => {
    const old = withStanding(undefined, "old", goodStanding, { rules, nowMs: 0 });
    const nowMs = 11 * rules.halfLifeMs;
    let kept = withStanding(old, "a", holdAgainst(goodStanding, rules, nowMs), { rules, nowMs });
    kept = withStanding(kept, "a", quarantined(nowMs), { rules, nowMs });
    expect(namesIn(kept)).toEqual(["a"]);
  });
});
