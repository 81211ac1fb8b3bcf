import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contributionId, type ContributionOffer } from "../contribution/contribution.ts";
import { decideOffer, type OfferFacts } from "./decide-offer.ts";
import { goodStanding, holdAgainst, isForgiven, isTrusted, type StandingRules } from "./standing.ts";

const content = { hash: "00", bytes: 40, chunkBytes: 64, chunkHashes: new Uint8Array(32) };
const offer: ContributionOffer = {
  ...{
    id: contributionId("a", "digits", 3),
    task: "digits",
    round: 3,
    client: "a",
    baseVersion: 7,
    samples: 10,
    steps: 4,
    loss: 0.5,
  },
  ...{ encoding: "float32", content },
};
const facts: OfferFacts = {
  ...{ task: "digits", client: "a", currentRound: 3, maximumStaleness: 1, isMember: true, known: undefined },
  ...{ versionOf: (round) => (round >= 2 ? round + 4 : undefined), standing: goodStanding, nowMs: 100 },
  ...{ bytesOf: (encoding) => (encoding === "float32" ? 40 : undefined), comeBackAfterMs: 500 },
};

/** Another offer under its own name. */
const named = (own: Partial<ContributionOffer>): ContributionOffer => {
  const other = { ...offer, ...own };
  return { ...other, id: own.id ?? contributionId(other.client, other.task, other.round) };
};

describe("the offer of a contribution", () => {
  it("is taken from a member in the round's form", () => {
    expect(decideOffer(offer, facts)).toEqual({ kind: "receive" });
    expect(decideOffer(named({ round: 2, baseVersion: 6 }), facts)).toEqual({ kind: "receive" });
  });

  it.each<[string, Partial<ContributionOffer>, Partial<OfferFacts>, object]>([
    ["somebody else's", { client: "b" }, {}, { kind: "rejected", cause: "bad_offer" }],
    ["of another task", { task: "letters" }, {}, { kind: "rejected", cause: "bad_offer" }],
    ["from a client in quarantine", {}, { standing: { ...goodStanding, quarantinedUntilMs: 900 } }, { cause: "quarantined", comeBackAfterMs: 800 }], // prettier-ignore
    ["known", {}, { known: "accepted" }, { kind: "duplicate", accepted: true }],
    ["known and refused", {}, { known: "rejected" }, { kind: "duplicate", accepted: false }],
    ["under another's name", { id: contributionId("b", "digits", 3) }, {}, { kind: "rejected", cause: "bad_offer" }],
    ["with a loss beyond all bounds", { loss: 1e300 }, {}, { kind: "rejected", cause: "bad_offer" }],
    ["of a round to come", { round: 4 }, {}, { kind: "rejected", cause: "bad_offer" }],
    ["of a round long over", { round: 1 }, {}, { kind: "stale", nextRound: 4 }],
    ["unasked", {}, { isMember: false }, { kind: "rejected", cause: "not_a_member" }],
    ["based on another version", { baseVersion: 6 }, {}, { kind: "rejected", cause: "bad_offer" }],
    ["in an encoding that is not taken", { encoding: "zip" }, {}, { kind: "rejected", cause: "bad_offer" }],
    ["too short", { content: { ...content, bytes: 39 } }, {}, { kind: "rejected", cause: "wrong_size" }],
    ["of no samples", { samples: 0 }, {}, { kind: "rejected", cause: "bad_sample_count" }],
    ["of half a step", { steps: 0.5 }, {}, { kind: "rejected", cause: "bad_offer" }],
  ])("is answered when it is %s", (_, given, known, answer) => {
    const decision = decideOffer(named(given), { ...facts, ...known });
    expect(decision).toMatchObject({ kind: "answer", answer });
  });

  it("always gets an answer that says when to come back", () => {
    const anything = fc.record({
      round: fc.integer(),
      baseVersion: fc.integer(),
      samples: fc.double(),
      steps: fc.double(),
    });
    fc.assert(
      fc.property(anything, fc.boolean(), (given, isMember) => {
        const decision = decideOffer(named(given), { ...facts, isMember });
        if (decision.kind === "answer") expect(decision.answer.comeBackAfterMs).toBeGreaterThan(0);
      }),
    );
  });
});

describe("a client's standing", () => {
  const rules: StandingRules = { mostOffences: 3, halfLifeMs: 100, quarantineMs: 1_000, longestQuarantineMs: 3_000 };

  it("leads into quarantine after some refusals in a row, each time for twice as long", () => {
    let standing = goodStanding;
    const quarantines: number[] = [];
    let now = 0;
    for (let offence = 0; offence < 9; offence += 1) {
      standing = holdAgainst(standing, rules, now);
      if (isTrusted(standing, now)) continue;
      quarantines.push(standing.quarantinedUntilMs - now);
      now = standing.quarantinedUntilMs;
    }
    expect(quarantines).toEqual([1_000, 2_000, 3_000]);
  });

  it("forgives what is long ago", () => {
    let standing = goodStanding;
    for (let offence = 0; offence < 50; offence += 1) standing = holdAgainst(standing, rules, offence * 200);
    expect(isTrusted(standing, 50 * 200)).toBe(true);
    expect(isForgiven(standing, rules, 49 * 200 + 1_001)).toBe(true);
    expect(isForgiven(standing, rules, 49 * 200 + 999)).toBe(false);
  });
});
