import { attributes } from "@shoal/protocol";
import { expect, test } from "vitest";
import type { Contribution } from "./contribution.ts";
import { pushExchange, pushRequest } from "./exchanges.ts";

test("the trace of a push names the slot that it stands in for, and none where the slot is the worker's own", () => {
  const computed = { samples: 4, loss: 1, startedAtMs: 0, endedAtMs: 1 };
  const placement = { shard: 0, begin: 0, end: 2, node: "server-1", endpoint: "" };
  const gradient = Float32Array.of(1, 2);
  const tracedOf = (standsIn?: boolean): unknown => {
    const contribution: Contribution = {
      clock: 3,
      batch: 14,
      samples: 4,
      slot: 2,
      gradient,
      base: [3],
      computed,
      standsIn,
    };
    const request = pushRequest(contribution, placement, 1, 3);
    const moved = { direction: "push", encoding: "float32", bytesBefore: 8, bytesAfter: 8 } as const;
    const coded = { request, moved, reason: undefined, answered: () => undefined };
    return pushExchange(contribution, coded).attributes[attributes.standInSlot];
  };
  expect([tracedOf(), tracedOf(false), tracedOf(true)]).toEqual([undefined, undefined, 2]);
});
