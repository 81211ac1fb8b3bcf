import { describe, expect, it } from "vitest";
import { errorMeanings, errorTable, isErrorCode, isShoalError, ShoalError } from "./index.ts";

describe("ShoalError", () => {
  it("shows its code first", () => {
    expect(new ShoalError("unknown_shard", "server-1 holds no shard 7").message).toBe(
      "[unknown_shard] server-1 holds no shard 7",
    );
  });

  it("is the same after a wire", () => {
    const sent = new ShoalError("deadline_exceeded", "no reply from worker-3", { waitedForMs: 250 });
    const received = ShoalError.deserialize(JSON.parse(JSON.stringify(sent)) as ReturnType<typeof sent.toJSON>);
    expect(received.toJSON()).toEqual(sent.toJSON());
    expect(isShoalError(received, "deadline_exceeded")).toBe(true);
    expect(isShoalError(received, "internal")).toBe(false);
  });

  it("turns foreign errors and unknown codes into internal ones and keeps the cause", () => {
    const cause = new TypeError("x is not a function");
    expect(ShoalError.from(cause)).toMatchObject({ code: "internal", cause });
    expect(ShoalError.deserialize({ code: "from_the_future", message: "[from_the_future] later" }).message).toBe(
      "[internal] later",
    );
  });

  it("has a table whose rows are complete", () => {
    expect(Object.keys(errorMeanings)).toEqual(Object.keys(errorTable));
    for (const meaning of Object.values(errorMeanings)) expect(meaning).toMatch(/\.$/);
    for (const row of Object.values(errorTable)) {
      expect(row.grpcStatus).toBeGreaterThan(0);
      expect(row.exitCode).toBeGreaterThan(0);
    }
    expect(isErrorCode("constructor")).toBe(false);
  });
});
