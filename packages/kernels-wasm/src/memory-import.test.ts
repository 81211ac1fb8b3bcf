import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBinary } from "./host/read-binary.ts";
import { withMemoryImport } from "./memory-import.ts";

const binary = await readBinary("baseline");
const core = await readBinary("core");

describe("the memory import of a kernel binary", () => {
  it.each([true, false])("fits a memory that is shared: %s", (shared) => {
    const module = new WebAssembly.Module(withMemoryImport(binary, shared));
    const memory = (other: boolean) => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: other });
    expect(() => new WebAssembly.Instance(module, { env: { memory: memory(shared) } })).not.toThrow();
    expect(() => new WebAssembly.Instance(module, { env: { memory: memory(!shared) } })).toThrow(WebAssembly.LinkError);
  });

  it.each([binary, core])("changes one byte at most and not the original, among other imports too", (original) => {
    const before = Uint8Array.from(original);
    const changed = withMemoryImport(original, false);
    expect(changed.filter((byte, at) => byte !== before[at])).toHaveLength(1);
    expect(withMemoryImport(changed, true)).toEqual(before);
    expect(Uint8Array.from(original)).toEqual(before);
  });

  it("refuses what is not a kernel binary", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        // Random bytes hold no import of a memory but by construction; a typed error is all that may come.
        try {
          withMemoryImport(bytes, true);
        } catch (error) {
          expect(error).toMatchObject({ code: "data_corrupt" });
        }
      }),
    );
    expect(() => withMemoryImport(binary.subarray(0, 20), true)).toThrow(/data_corrupt/);
  });
});
