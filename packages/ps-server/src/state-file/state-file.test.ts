import { isShoalError } from "@shoal/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeState } from "./decode-state.ts";
import { encodeState } from "./encode-state.ts";

/** All bytes of a state, read in parts of at most so many. */
function write(state: unknown, partBytes = 1000): Uint8Array<ArrayBuffer> {
  const encoded = encodeState(state);
  const bytes = new Uint8Array(encoded.totalBytes);
  for (let part = encoded.next(partBytes); part !== undefined; part = encoded.next(partBytes)) {
    expect(part.length).toBeLessThanOrEqual(partBytes);
    bytes.set(part, encoded.position - part.length);
  }
  expect(encoded.position).toBe(encoded.totalBytes);
  return bytes;
}

const vector = fc.float32Array({ maxLength: 70 });
const scalar = fc.oneof(fc.boolean(), fc.constant(null), fc.integer(), fc.string());
const { state } = fc.letrec((tie) => ({
  state: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(scalar, vector),
    fc.array(tie("state"), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__" && key !== "$vector"),
      tie("state"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
}));

const small = { version: 7, values: new Float32Array([1, -0, Number.NaN]), slots: { m: new Float32Array(20).fill(3) } };

describe("the binary form of state", () => {
  test("gives back what was written, bit for bit, whatever the size of the parts", () => {
    fc.assert(
      fc.property(state, fc.integer({ min: 4, max: 3000 }), (value, partBytes) => {
        expect(decodeState(write(value, partBytes))).toEqual(value);
      }),
    );
  });

  test("is read from any place in a buffer", () => {
    const bytes = write(small);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(decodeState(shifted.subarray(1))).toEqual(small);
  });

  test("can be written again from the front", () => {
    const encoded = encodeState(small);
    encoded.next(10);
    encoded.rewind();
    expect(encoded.next(10_000)).toEqual(write(small));
  });

  test("is refused when any byte of it is another", () => {
    const bytes = write(small);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const spoiled = bytes.slice();
        spoiled[index] = (spoiled[index] ?? 0) ^ change;
        expect(codeOf(spoiled)).toBe("snapshot_corrupt");
      }),
    );
  });

  test("is refused when it is cut short or longer than it was", () => {
    const bytes = write(small);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(codeOf(bytes.slice(0, length))).toBe("snapshot_corrupt");
    }
    const longer = new Uint8Array(bytes.length + 64);
    longer.set(bytes);
    expect(codeOf(longer)).toBe("snapshot_corrupt");
  });
});

function codeOf(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    decodeState(bytes);
    return "read";
  } catch (error) {
    return isShoalError(error, "snapshot_corrupt") ? "snapshot_corrupt" : String(error);
  }
}
