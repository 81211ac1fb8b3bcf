import fc from "fast-check";
import { expect, it } from "vitest";
import { createRequestSlots } from "./request-slots.ts";

it("who floods an aggregator takes nobody else's place", () => {
  const slots = createRequestSlots(4, 2);
  expect([1, 2, 3, 4].map(() => slots.take("flood"))).toEqual([true, true, false, false]);
  expect(["a", "b", "c"].map((client) => slots.take(client))).toEqual([true, true, false]);
  slots.give("flood");
  expect(["flood", "c"].map((client) => slots.take(client))).toEqual([true, false]);
});

it("slots are never more than there are, and all come back", () => {
  const client = fc.constantFrom("a", "b", "c");
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), client), { maxLength: 60 }), (events) => {
      const slots = createRequestSlots(5, 3);
      const held: string[] = [];
      for (const [isTaken, name] of events) {
        const own = held.filter((each) => each === name).length;
        if (isTaken) {
          const hasRoom = own < 3 && held.length < 5;
          expect(slots.take(name)).toBe(hasRoom);
          if (hasRoom) held.push(name);
        } else {
          slots.give(name);
          if (own > 0) held.splice(held.indexOf(name), 1);
        }
      }
      for (const name of held) slots.give(name);
      expect(["a", "a", "b", "b", "c"].map((name) => slots.take(name))).toEqual([true, true, true, true, true]);
    }),
  );
});
