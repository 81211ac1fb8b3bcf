import { expect, it } from "vitest";
import { dealDigits, dealtFingerprint } from "../support/dealt-digits.ts";

it("deals samples to the same clients in the page as in Node", () => {
  expect(dealDigits()).toBe(dealtFingerprint);
});
