import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAddress, isNamePart, makeAddress, parseAddress } from "./address.ts";

const part = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,127}$/);

describe("address", () => {
  it("is made of a node and a name, and falls apart into them", () => {
    fc.assert(
      fc.property(part, part, (node, name) => {
        const address = makeAddress(node, name);
        expect(isAddress(address)).toBe(true);
        expect(parseAddress(address)).toEqual({ node, name });
      }),
    );
  });

  it("is the same to the check and to the parser for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z/.]{0,8}$/)), (text) => {
        const parses = (): unknown => parseAddress(text);
        if (isAddress(text)) expect(parses).not.toThrow();
        else expect(parses).toThrow("[invalid_argument]");
      }),
    );
  });

  it("has exactly one slash and no dots, so that it maps to one NATS subject", () => {
    for (const wrong of ["", "/", "a/", "/b", "a/b/c", "a.b/c", "a/b.c", "A/b", "a b/c", "a/*", "a/>"]) {
      expect(isAddress(wrong)).toBe(false);
    }
    expect(isNamePart("x".repeat(129))).toBe(false);
    expect(() => makeAddress("node", "Bad Name")).toThrow(`not "Bad Name"`);
  });
});
