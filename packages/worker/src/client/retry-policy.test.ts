import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { attemptDeadlineMs, decideRetry, defaultRetrySettings } from "./retry-policy.ts";

const lost = new ShoalError("transport_lost", "the connection broke");

describe("decideRetry", () => {
  it("gives up at once what can never succeed", () => {
    const error = new ShoalError("not_finite", "the gradient holds NaN");
    const decision = decideRetry({ attempts: 1, elapsedMs: 0, error, jitter: 0 }, defaultRetrySettings);
    expect(decision).toEqual({ kind: "give_up", reason: "not_finite cannot succeed later" });
  });

  it("doubles the delay up to its bound and spreads it over half of it", () => {
    const delays = [1, 2, 3, 20].map((attempts) => {
      const decision = decideRetry({ attempts, elapsedMs: 0, error: lost, jitter: 1 }, defaultRetrySettings);
      return decision.kind === "retry" ? decision.delayMs : -1;
    });
    expect(delays).toEqual([20, 40, 80, 1000]);
    const least = decideRetry({ attempts: 2, elapsedMs: 0, error: lost, jitter: 0 }, defaultRetrySettings);
    expect(least).toMatchObject({ kind: "retry", delayMs: 20 });
  });

  it("retries a member that the shard does not know yet", () => {
    const error = new ShoalError("not_a_member", "worker-1 takes no part");
    const decision = decideRetry({ attempts: 1, elapsedMs: 0, error, jitter: 0 }, defaultRetrySettings);
    expect(decision.kind).toBe("retry");
  });

  it("gives up when the time is over and never waits beyond it", () => {
    const late = { attempts: 9, elapsedMs: 59_900, error: lost, jitter: 1 };
    expect(decideRetry(late, defaultRetrySettings)).toMatchObject({ kind: "retry", delayMs: 100 });
    expect(decideRetry({ ...late, elapsedMs: 60_000 }, defaultRetrySettings).kind).toBe("give_up");
  });

  it("cuts the deadline of the last attempt", () => {
    expect(attemptDeadlineMs(0, defaultRetrySettings)).toBe(10_000);
    expect(attemptDeadlineMs(55_000, defaultRetrySettings)).toBe(5_000);
    expect(attemptDeadlineMs(61_000, defaultRetrySettings)).toBe(1);
  });
});
