import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { describe, expect, test } from "vitest";
import { createPullCopies } from "./pull-copies.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);
const keys = 8;
const make = (copies = 2) => createPullCopies({ memory, kernels, keys, longest: 0, copies });
const values = (value: number): Float32Array => memory.floats(memory.allocate(keys * 4).byteOffset, keys).fill(value);
const floats = (bytes: Uint8Array | undefined): number[] =>
  bytes === undefined ? [] : [...new Float32Array(bytes.buffer, bytes.byteOffset, keys)];

describe("copies of a shard's values", () => {
  test("are shared by pulls at one version", () => {
    const shelf = make(1);
    const [one, two] = [shelf.take(values(1), 5, "worker-1"), shelf.take(values(1), 5, "worker-1")];
    expect(one?.bytes.byteOffset).toBe(two?.bytes.byteOffset);
    expect(shelf.readers()).toEqual(["worker-1"]);
    one?.release();
    expect(shelf.idle).toBe(false);
    two?.release();
    two?.release();
    expect(shelf.readers()).toEqual([]);
    expect(shelf.idle).toBe(true);
  });

  test("are not overwritten while somebody reads them", () => {
    const shelf = make(2);
    const [old, newer] = [shelf.take(values(1), 1, "worker-1"), shelf.take(values(2), 2, "worker-1")];
    expect(shelf.take(values(3), 3, "worker-1")).toBeUndefined();
    expect([floats(old?.bytes), floats(newer?.bytes)]).toEqual([Array(keys).fill(1), Array(keys).fill(2)]);
    old?.release();
    expect(floats(shelf.take(values(3), 3, "worker-1")?.bytes)).toEqual(Array(keys).fill(3));
    expect(floats(newer?.bytes)).toEqual(Array(keys).fill(2));
  });

  test("are made anew when nobody reads the old one, though the version is the same", () => {
    const shelf = make(1);
    shelf.take(values(1), 0, "worker-1")?.release();
    expect(floats(shelf.take(values(7), 0, "worker-1")?.bytes)).toEqual(Array(keys).fill(7));
  });

  test("wake all who wait, in their order, when one comes free", () => {
    const shelf = make(1);
    const held = shelf.take(values(1), 1, "worker-1");
    const told: number[] = [];
    for (const pull of [1, 2, 3]) {
      const ticket = shelf.whenFree(() => told.push(pull));
      if (pull === 2) ticket.cancel();
    }
    expect(told).toEqual([]);
    held?.release();
    expect(told).toEqual([1, 3]);
  });

  test("let nobody overtake those who wait", () => {
    const shelf = make(1);
    const held = shelf.take(values(1), 1, "worker-1");
    const told: string[] = [];
    shelf.whenFree(() => {
      shelf.whenFree(() => told.push("came while waking"));
      told.push("waited");
    });
    held?.release();
    expect(told).toEqual(["came while waking", "waited"]);
  });

  test("come from outside kernel memory, too", () => {
    expect(floats(make().take(new Float32Array(keys).fill(4), 1, "worker-1")?.bytes)).toEqual(Array(keys).fill(4));
  });

  test("go back to the memory, those being read when they are given back", () => {
    const before = memory.allocatedBytes;
    const shelf = make(2);
    const own = new Float32Array(keys);
    const [held, other] = [shelf.take(own, 1, "worker-1"), shelf.take(own, 2, "worker-1")];
    other?.release();
    shelf.dispose();
    expect(memory.allocatedBytes).toBe(before + 64);
    held?.release();
    expect(memory.allocatedBytes).toBe(before);
  });
});
