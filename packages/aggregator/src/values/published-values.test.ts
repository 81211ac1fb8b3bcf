import { chunkCount } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { createKernelSite } from "../../../../test/support/kernel-site.ts";
import { createPublishedValues } from "./published-values.ts";

const size = 64;
const encodings = { float32: { name: "float32" }, int8: { name: "int8" } };
const create = (mostRounds: number) =>
  createPublishedValues(createVectorCodecs(encodings, { size }, createKernelSite("baseline")), mostRounds);
const filled = (value: number): Float32Array => new Float32Array(size).fill(value);

describe("published values", () => {
  it("are those of the newest rounds, by round, version and hash, whatever happens to the caller's", () => {
    const values = create(2);
    const own = filled(1);
    for (const round of [1, 2, 3]) {
      values.publish(round, 10 * round, own.fill(round));
    }
    expect(values.describe(1, "float32")).toBeUndefined();
    expect(values.valuesOf(10)).toBeUndefined();
    expect(values.valuesOf(20)?.[0]).toBe(2);
    const described = values.describe(2, "float32");
    expect(described?.version).toBe(20);
    const chunk = values.chunk(described?.manifest.hash ?? "", 0);
    expect(new Float32Array(chunk?.slice().buffer ?? new ArrayBuffer())).toEqual(filled(2));
  });

  it("of one version are one, however many rounds begin with them", () => {
    const values = create(2);
    for (const round of [1, 2, 3, 4]) values.publish(round, 7, filled(5));
    const [third, fourth] = [values.describe(3, "int8"), values.describe(4, "int8")];
    expect(third).toEqual(fourth);
    values.publish(5, 8, filled(6));
    // Round 4 still begins with version 7.
    expect(values.chunk(third?.manifest.hash ?? "", 0)).toBeDefined();
    values.publish(6, 8, filled(6));
    expect(values.chunk(third?.manifest.hash ?? "", 0)).toBeUndefined();
  });

  it("have no chunks beyond their end, and refuse other lengths and encodings", () => {
    const values = create(2);
    values.publish(1, 1, filled(1));
    const { hash, ...manifest } = values.describe(1, "int8")?.manifest ?? { hash: "", bytes: 0, chunkBytes: 1 };
    expect(values.chunk(hash, chunkCount(manifest))).toBeUndefined();
    expect(values.chunk(hash, -1)).toBeUndefined();
    expect(values.chunk("no such hash", 0)).toBeUndefined();
    expect(() => values.describe(1, "zip")).toThrow("no encoding zip");
    expect(() => values.publish(2, 2, new Float32Array(3))).toThrow(RangeError);
  });
});
