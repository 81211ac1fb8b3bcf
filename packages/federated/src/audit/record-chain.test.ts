import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import {
  appendRecord,
  chainStart,
  mostRecordBytes,
  verifyChain,
  type ChainedRecord,
  type ChainHead,
} from "./record-chain.ts";

function chainOf(bodies: readonly unknown[]): { records: ChainedRecord<unknown>[]; head: ChainHead } {
  const records: ChainedRecord<unknown>[] = [];
  let head = chainStart;
  for (const body of bodies) {
    const next = appendRecord(head, body);
    records.push(next.record);
    head = next.head;
  }
  return { records, head };
}

describe("a chain of records", () => {
  const bodies = Array.from({ length: 6 }, (_, round) => ({
    round,
    outcome: "committed",
    epsilon: round / 3,
    clients: ["a", "b"],
  }));

  it("is intact as it was written, and after a way through JSON with other orders of keys", () => {
    const { records, head } = chainOf(bodies);
    expect(verifyChain(records, { expected: head.hash })).toMatchObject({ kind: "intact", head });
    const read = records.map((record) => {
      const fields = Object.entries(JSON.parse(JSON.stringify(record)) as object);
      return Object.fromEntries(fields.toReversed()) as unknown as ChainedRecord<unknown>;
    });
    expect(verifyChain(read, { expected: head.hash })).toMatchObject({ kind: "intact" });
    expect(records[0]?.previous).toBe("0".repeat(64));
    const text = canonicalJson(records[1]);
    expect(records[2]?.previous).toBe(createHash("sha256").update(text).digest("hex"));
  });

  it("names the first record that does not follow, whatever was changed", () => {
    const { records, head } = chainOf(bodies);
    const known = { expected: head.hash };
    const at = (changed: readonly ChainedRecord<unknown>[], options: Parameters<typeof verifyChain>[1] = known) => {
      const decision = verifyChain(changed, options);
      return decision.kind === "broken" ? decision.index : decision.kind;
    };
    const changed = (index: number, record: Partial<ChainedRecord<unknown>>) =>
      records.map((each, i) => (i === index ? { ...each, ...record } : each));
    expect(at(changed(2, { body: { ...bodies[2], epsilon: 0 } }))).toBe(3);
    expect(at(changed(5, { body: {} }))).toBe(5); // only the head shows a change of the last one
    expect(at(changed(5, { body: {} }), {})).toBe("intact");
    expect(at(changed(4, { previous: "0".repeat(64) }))).toBe(4);
    expect(at(records.toSpliced(3, 1))).toBe(3);
    expect(at(records.toSpliced(3, 0, ...records.slice(3, 4)))).toBe(4);
    expect(at(records.slice(1))).toBe(0);
    expect(at(records.slice(0, 4))).toBe(3); // cut off at its end
    expect(at([])).toBe(0);
    expect(at(records.toReversed())).toBe(0);
    expect(at(changed(1, { body: undefined }))).toBe(1);
  });

  it("can be checked from any known head on", () => {
    const { records, head } = chainOf(bodies);
    const { head: after } = chainOf(bodies.slice(0, 3));
    expect(verifyChain(records.slice(3), { after, expected: head.hash })).toMatchObject({
      kind: "intact",
    });
    expect(verifyChain([], {})).toMatchObject({ kind: "intact", head: chainStart });
  });

  it("notices any change of any field", () => {
    fc.assert(
      fc.property(fc.array(fc.json(), { minLength: 1, maxLength: 4 }), fc.json(), fc.nat(), (texts, other, place) => {
        const values = texts.map((text) => JSON.parse(text.replaceAll("-0", "0")) as unknown);
        const { records, head } = chainOf(values);
        const replaced: unknown = JSON.parse(other.replaceAll("-0", "0"));
        const index = place % values.length;
        const isSame = canonicalJson(values[index]) === canonicalJson(replaced);
        const changed = records.map((each, i) => (i === index ? { ...each, body: replaced } : each));
        expect(verifyChain(changed, { expected: head.hash }).kind).toBe(isSame ? "intact" : "broken");
      }),
      { numRuns: 200 },
    );
  });

  it("refuses records that do not fit into a message", () => {
    expect(() => appendRecord(chainStart, "x".repeat(mostRecordBytes))).toThrowError(
      expect.objectContaining({ code: "payload_too_large" }),
    );
  });
});

describe("canonical JSON", () => {
  it("has one text for one value", () => {
    expect(canonicalJson({ b: [1, 2.5, 1e21], a: { d: null, c: "é\n" }, "": true })).toBe(
      '{"":true,"a":{"c":"é\\n","d":null},"b":[1,2.5,1e+21]}',
    );
    expect(canonicalJson({ "\u20ac": 1, "\r": 2, "1": 3 })).toBe('{"\\r":2,"1":3,"€":1}');
  });

  it("refuses what JSON would change, and says where", () => {
    const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1);
    for (const [value, place] of [
      [{ a: [NaN] }, "$.a[0] is NaN"],
      [-0, "$ is -0"],
      [{ a: undefined }, "$.a is undefined"],
      [[new Float32Array(2)], "$[0] is no plain object"],
      [new Date(0), "$ is no plain object"],
      [{ a: 1n }, "$.a is bigint"],
      ["\ud800", "half a character"],
      [deep, "more than 32 deep"],
    ] as const) {
      expect(() => canonicalJson(value)).toThrow(place);
      expect(() => canonicalJson(value)).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
    }
  });
});
