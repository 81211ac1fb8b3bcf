import { expect, it } from "vitest";
import { splitSetting } from "./split-setting.ts";

it("says for how long a range must be hot, and how long the rest of a run must last, or names what is wrong", () => {
  const byDefault = splitSetting({});
  expect(byDefault).toEqual({ splitMs: 10_000, splitWorth: 20 });
  expect(splitSetting({ SHOAL_SPLIT: "" })).toEqual(byDefault);
  expect(splitSetting({ SHOAL_SPLIT: "0.5" })).toEqual({ splitMs: 500, splitWorth: 20 });
  expect(splitSetting({ SHOAL_SPLIT: "3,1.5" })).toEqual({ splitMs: 3000, splitWorth: 1.5 });
  expect(splitSetting({ SHOAL_SPLIT: "0" }).splitMs).toBe(0);
  for (const wrong of ["soon", "1,", "-1", "1,0", "1,2,3"]) {
    expect(() => splitSetting({ SHOAL_SPLIT: wrong })).toThrow(`got "${wrong}"`);
  }
});
