import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkKey, fromNatsKey, toNatsFilter, toNatsKey } from "./store-key.ts";

const key = fc
  .array(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((segment) => !segment.includes("/")),
    { minLength: 1, maxLength: 5 },
  )
  .map((segments) => segments.join("/"))
  .filter((text) => text.isWellFormed());

describe("store key", () => {
  it("becomes a valid NATS key and comes back", () => {
    fc.assert(
      fc.property(key, (text) => {
        const natsKey = toNatsKey(checkKey(text));
        // The pattern of the NATS KV design, with its rule for dots.
        expect(natsKey).toMatch(/^[-=\w]+(\.[-=\w]+)*$/);
        expect(fromNatsKey(natsKey)).toBe(text);
      }),
    );
  });

  it("lies under the filter of each of its prefixes", () => {
    fc.assert(
      fc.property(key, fc.nat(60), (text, length) => {
        const filter = toNatsFilter(text.slice(0, length));
        expect(filter.endsWith(">")).toBe(true);
        expect(toNatsKey(text).startsWith(filter.slice(0, -1))).toBe(true);
      }),
    );
  });
});
