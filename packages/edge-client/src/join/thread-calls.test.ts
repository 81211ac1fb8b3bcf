import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createThreadCalls } from "./thread-calls.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("a thread that does not answer for a minute is named, and one that does is waited for no longer", async () => {
  const calls = createThreadCalls<string>("compute");
  const asked: number[] = [];
  const ask = () => calls.ask((call) => asked.push(call));
  const [answered, silent] = [ask(), ask()];
  const outcome = silent.catch((error: unknown) => String(error));
  calls.answer(asked[0] ?? NaN, "here");
  await expect(answered).resolves.toBe("here");
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await outcome).toContain("[deadline_exceeded] the client's compute thread has not answered for a minute");
  calls.answer(asked[1] ?? NaN, "too late");
  expect(vi.getTimerCount()).toBe(0);
});
