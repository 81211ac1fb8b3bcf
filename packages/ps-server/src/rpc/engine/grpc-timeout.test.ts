import fc from "fast-check";
import { expect, test } from "vitest";
import { timeoutOf } from "./grpc-timeout.ts";

test("reads every unit of the header, never as less than 1 ms", () => {
  expect(["2H", "3M", "4S", "5m", "6000u", "7n", "99999999H"].map(timeoutOf)).toEqual([
    7_200_000,
    180_000,
    4_000,
    5,
    6,
    1,
    2 ** 31 - 1,
  ]);
  expect(timeoutOf(undefined)).toBeUndefined();
});

test("refuses what is no timeout", () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !/^[0-9]{1,8}[HMSmun]$/.test(text)),
      (text) => {
        expect(() => timeoutOf(text)).toThrow("invalid_argument");
      },
    ),
  );
});
