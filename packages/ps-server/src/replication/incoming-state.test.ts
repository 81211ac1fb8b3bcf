import { describe, expect, test } from "vitest";
import { beginIncoming, decidePart } from "./incoming-state.ts";

const part = (offset: number, length: number, more: { index?: number; totalBytes?: number } = {}) => ({
  ...{ shard: 0, term: 2, index: 5, totalBytes: 100, offset, bytes: new Uint8Array(length) },
  ...more,
});

describe("a part of a state", () => {
  const incoming = { ...beginIncoming(part(0, 40)), received: 40 };

  test("comes in order, and is passed over when it comes again", () => {
    expect(decidePart(undefined, part(0, 40), 1000).kind).toBe("begin");
    expect(decidePart(incoming, part(40, 60), 1000).kind).toBe("add");
    expect(decidePart(incoming, part(10, 30), 1000).kind).toBe("repeated");
  });

  test("begins the state afresh when it is the first", () => {
    expect(decidePart(incoming, part(0, 40), 1000).kind).toBe("begin");
  });

  test("is refused when another is missing before it, or when it is of another state", () => {
    for (const wrong of [part(50, 10), part(40, 10, { index: 6 }), part(40, 10, { totalBytes: 90 })]) {
      expect(decidePart(incoming, wrong, 1000)).toMatchObject({ kind: "refuse", code: "invalid_argument" });
    }
    expect(decidePart(undefined, part(40, 10), 1000)).toMatchObject({ kind: "refuse", code: "invalid_argument" });
  });

  test("is refused when it is empty, goes beyond the end or belongs to a state that no such shard can have", () => {
    expect(decidePart(incoming, part(40, 0), 1000)).toMatchObject({ kind: "refuse", code: "invalid_argument" });
    expect(decidePart(incoming, part(40, 61), 1000)).toMatchObject({ kind: "refuse", code: "invalid_argument" });
    expect(decidePart(incoming, part(0, 40), 99)).toMatchObject({ kind: "refuse", code: "payload_too_large" });
  });
});
