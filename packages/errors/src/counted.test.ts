import { expect, it } from "vitest";
import { agreeing, counted } from "./counted.ts";

it("counts in right English: one, none, more, and nouns with another plural", () => {
  expect([0, 1, 2].map((number) => counted(number, "server"))).toEqual(["0 servers", "1 server", "2 servers"]);
  expect([1, 3].map((number) => counted(number, "batch is", "batches are"))).toEqual(["1 batch is", "3 batches are"]);
  expect([1, 2].map((number) => agreeing(number, "rests", "rest"))).toEqual(["rests", "rest"]);
});
