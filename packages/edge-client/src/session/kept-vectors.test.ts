import { expect, it } from "vitest";
import { floatsOf, packVectors, unpackVectors } from "./kept-vectors.ts";

const values = Float32Array.of(1, -2, 3.5);
const bytes = new Uint8Array(values.buffer);

it("keeps vectors, and those that are not there, with their facts", () => {
  const kept = packVectors({ task: "digits", round: 3 }, [null, bytes, new Uint8Array(0)]);
  // Where they lie in a longer buffer, too.
  const within = new Uint8Array(kept.length + 3);
  within.set(kept, 3);
  for (const each of [kept, within.subarray(3), Buffer.from(kept)]) {
    const [facts, [none, some, empty] = []] = unpackVectors(each) ?? [];
    expect(facts).toEqual({ task: "digits", round: 3 });
    expect([none, some, empty]).toEqual([null, bytes, new Uint8Array(0)]);
    expect(floatsOf(some ?? bytes.subarray(0, 0))).toEqual(values);
  }
});

it("takes what is cut short, or is something else, as nothing", () => {
  const kept = packVectors([], [bytes]);
  for (let length = 0; length < kept.length; length += 1)
    expect(unpackVectors(kept.subarray(0, length))).toBeUndefined();
  expect(unpackVectors(Uint8Array.of(...kept, 0))).toBeUndefined();
  expect(unpackVectors(new TextEncoder().encode("what another release has written"))).toBeUndefined();
  expect(unpackVectors(undefined)).toBeUndefined();
});
