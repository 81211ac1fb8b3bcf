import { describe, expect, it } from "vitest";
import { decideMove, type MoveFacts } from "./decide-move.ts";

const facts: MoveFacts = {
  ...{ keeps: true, owner: "there", isLeaving: false, target: "another", isSaved: false, isRefused: false },
};
const decided = (change: Partial<MoveFacts>) => {
  const { kind, afresh } = decideMove({ ...facts, ...change });
  return afresh ? `${kind}, afresh` : kind;
};

describe("a slot that another worker is to compute", () => {
  it("is asked for, and moves when what it keeps is saved", () => {
    expect(decided({})).toBe("ask");
    expect(decided({ isSaved: true })).toBe("move");
    expect(decided({ isSaved: true, owner: "gone" })).toBe("move");
  });

  it("moves at once where it keeps nothing, or where nobody has begun it", () => {
    expect(decided({ keeps: false })).toBe("move");
    expect(decided({ keeps: false, owner: "gone" })).toBe("move");
    expect(decided({ owner: "unbegun" })).toBe("move");
  });

  it("begins afresh when its worker is gone without having saved it, whoever has it then", () => {
    expect(decided({ owner: "gone" })).toBe("move, afresh");
    expect(decided({ owner: "gone", target: "nobody" })).toBe("stay, afresh");
  });

  it("stays where it is while no place takes what it keeps, and goes afresh when its worker leaves all the same", () => {
    expect(decided({ isRefused: true })).toBe("stay");
    expect(decided({ isRefused: true, isLeaving: true })).toBe("move, afresh");
    expect(decided({ isRefused: true, isLeaving: true, target: "nobody" })).toBe("stay");
  });

  it("is saved by the last worker that leaves, and waits there", () => {
    expect(decided({ isLeaving: true, target: "nobody" })).toBe("ask");
    expect(decided({ isLeaving: true, target: "nobody", isSaved: true })).toBe("stay");
  });

  it("stays with its owner when nobody else is to have it any more", () => {
    expect(decided({ target: "owner" })).toBe("stay");
    expect(decided({ target: "owner", isSaved: true })).toBe("stay");
  });
});
