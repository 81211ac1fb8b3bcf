import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { attemptDeadlineMs, decideRetry, defaultRetrySettings } from "./retry-policy.ts";

const lost = new ShoalError("transport_lost", "the connection broke");
const silent = new ShoalError("deadline_exceeded", "nobody answered");
const first = { attempts: 1, attemptsHere: 1, moved: false, elapsedMs: 0, jitter: 0 };

function delayOf(error: ShoalError, attemptsHere: number): number {
  const attempt = { ...first, attempts: attemptsHere, attemptsHere, error, jitter: 1 };
  const decision = decideRetry(attempt, defaultRetrySettings);
  return decision.kind === "retry" ? decision.delayMs : -1;
}

describe("decideRetry", () => {
  it("gives up at once what can never succeed", () => {
    const error = new ShoalError("not_finite", "the gradient holds NaN");
    const decision = decideRetry({ ...first, error }, defaultRetrySettings);
    expect(decision).toEqual({ kind: "give_up", reason: "not_finite cannot succeed later" });
  });

  it("doubles the delay up to its bound and spreads it over half of it", () => {
    expect([1, 2, 3, 20].map((attemptsHere) => delayOf(silent, attemptsHere))).toEqual([20, 40, 80, 1000]);
    const least = decideRetry({ ...first, attemptsHere: 2, error: silent }, defaultRetrySettings);
    expect(least).toMatchObject({ kind: "retry", delayMs: 20 });
  });

  it("is quick where another server may take the shard over, and begins anew with it", () => {
    const gone = new ShoalError("not_primary", "server-2 leads the shard");
    expect([1, 2, 20].map((attemptsHere) => delayOf(gone, attemptsHere))).toEqual([20, 40, 200]);
    expect([1, 20].map((attemptsHere) => delayOf(lost, attemptsHere))).toEqual([20, 200]);
    expect(decideRetry({ ...first, attempts: 30, error: gone }, defaultRetrySettings)).toMatchObject({ delayMs: 10 });
  });

  it("goes to a shard that has moved at once, whatever the call under way failed with, as long as there is time", () => {
    const ended = new ShoalError("cancelled", "the link was closed");
    const moved = { ...first, attempts: 7, attemptsHere: 7, moved: true, error: ended };
    expect(decideRetry(moved, defaultRetrySettings)).toMatchObject({ kind: "retry", delayMs: 0 });
    expect(decideRetry({ ...moved, elapsedMs: 60_000 }, defaultRetrySettings).kind).toBe("give_up");
  });

  it("retries a push that the shard has cancelled, because an earlier attempt came late", () => {
    const error = new ShoalError("cancelled", "worker-1 has repeated its push 4 to shard 0");
    expect(decideRetry({ ...first, error }, defaultRetrySettings).kind).toBe("retry");
  });

  it("retries a member that the shard does not know yet", () => {
    const error = new ShoalError("not_a_member", "worker-1 takes no part");
    const decision = decideRetry({ ...first, error }, defaultRetrySettings);
    expect(decision.kind).toBe("retry");
  });

  it("gives up when the time is over and never waits beyond it", () => {
    const late = { ...first, attemptsHere: 9, elapsedMs: 59_900, error: silent, jitter: 1 };
    expect(decideRetry(late, defaultRetrySettings)).toMatchObject({ kind: "retry", delayMs: 100 });
    expect(decideRetry({ ...late, elapsedMs: 60_000 }, defaultRetrySettings).kind).toBe("give_up");
  });

  it("cuts the deadline of the last attempt", () => {
    expect(attemptDeadlineMs(0, defaultRetrySettings)).toBe(10_000);
    expect(attemptDeadlineMs(55_000, defaultRetrySettings)).toBe(5_000);
    expect(attemptDeadlineMs(61_000, defaultRetrySettings)).toBe(1);
  });
});
