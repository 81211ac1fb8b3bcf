import { describe, expect, it } from "vitest";
import { decideStart, type RunPhase } from "./decide-start.ts";

const held = (phase: RunPhase, run = "r", incarnation = 1, attempt = 0) => ({ run, attempt, incarnation, phase });
const facts = { run: "r", attempt: 0, incarnation: 1, held: undefined, isOver: false };

describe("decideStart", () => {
  it("begins when there is nothing else to do", () => {
    expect(decideStart(facts).kind).toBe("begin");
  });

  it("keeps a command that comes before the coordinator's welcome", () => {
    expect(decideStart({ ...facts, incarnation: undefined }).kind).toBe("defer");
  });

  it.each([
    ["preparing", "wait"],
    ["training", "confirm"],
    ["finishing", "confirm"],
    ["finished", "confirm"],
    ["failed", "repeat_failure"],
  ] as const)("answers a repetition while %s with %s", (phase, kind) => {
    expect(decideStart({ ...facts, held: held(phase) }).kind).toBe(kind);
  });

  it("begins the run anew in a new life", () => {
    expect(decideStart({ ...facts, incarnation: 2, held: held("training") }).kind).toBe("replace");
  });

  it("refuses another run while it is busy, and takes it when its own has failed", () => {
    expect(decideStart({ ...facts, held: held("training", "q") })).toMatchObject({
      kind: "refuse",
      code: "no_capacity",
    });
    expect(decideStart({ ...facts, held: held("failed", "q") }).kind).toBe("replace");
  });

  it("refuses a run that was stopped in this life: its sequence numbers are spent", () => {
    expect(decideStart({ ...facts, isOver: true })).toMatchObject({ kind: "refuse", code: "cancelled" });
  });

  it("lets the next attempt of a run take the place of the one that is held", () => {
    expect(decideStart({ ...facts, attempt: 1, held: held("training") }).kind).toBe("replace");
    expect(decideStart({ ...facts, attempt: 1, held: held("training", "r", 1, 1) }).kind).toBe("confirm");
  });
});
