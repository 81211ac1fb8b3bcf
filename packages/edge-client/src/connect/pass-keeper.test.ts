import { createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import type { Enrolment } from "./enrolment.ts";
import { createPassKeeper } from "./pass-keeper.ts";

const passOf = (pass: string, client = "c-1"): Enrolment => ({
  ...{ cluster: "test", task: "digits", client, pass, validMs: 600_000 },
});

function scene(answers: readonly (() => Enrolment)[]) {
  const clock = createSimulatedClock();
  const refusals: string[] = [];
  const askedAtMs: number[] = [];
  const keeper = createPassKeeper({
    ...{ first: passOf("first"), clock, random: createRandom(1), onRefused: ({ code }) => void refusals.push(code) },
    enrol: async () => {
      const answer = answers[askedAtMs.length] ?? (() => passOf("later"));
      askedAtMs.push(clock.now());
      return answer();
    },
  });
  const passes = (ms: number): Promise<void> => simulate(clock, new Promise((resolve) => clock.after(ms, resolve)));
  return { passes, keeper, refusals, askedAtMs };
}
const fails =
  (code: "transport_lost" | "no_capacity" | "codec_failed" | "internal" | "unauthenticated") => (): Enrolment => {
    throw new ShoalError(code, "no");
  };

describe("a client's pass", () => {
  it("is renewed before it ends, whatever is answered at first that may pass", async () => {
    const passing = (["transport_lost", "no_capacity", "codec_failed", "internal"] as const).map(fails);
    const answers = [...passing, () => passOf("second")];
    const { passes, keeper, refusals, askedAtMs } = scene(answers);
    await passes(600_000);
    expect(keeper.pass).toBe("second");
    expect(askedAtMs[0]).toBe(360_000);
    for (const [i, atMs] of askedAtMs.slice(1, 5).entries()) {
      expect(atMs - (askedAtMs[i] ?? NaN)).toBeGreaterThanOrEqual(5_000);
      expect(atMs - (askedAtMs[i] ?? NaN)).toBeLessThanOrEqual(10_000);
    }
    expect(refusals).toEqual([]);
    keeper.close();
  });

  it.each([
    ["the invitation has ended", fails("unauthenticated"), "unauthenticated"],
    ["it would be for somebody else", () => passOf("other", "c-2"), "run_not_found"],
  ])("is given up, once, where %s", async (_why, answer, code) => {
    const { passes, keeper, refusals, askedAtMs } = scene([answer]);
    await passes(3_600_000);
    expect([keeper.pass, refusals, askedAtMs]).toEqual(["first", [code], [360_000]]);
  });
});
