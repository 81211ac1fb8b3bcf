import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { parseEncodingSpec, type ConcreteEncodingSpec } from "@shoal/optimization";
import { expect, test } from "vitest";
import { createSlotEncoders } from "./slot-encoders.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);
const spec = parseEncodingSpec({ name: "top_k", share: 0.25 }, "test") as ConcreteEncodingSpec;
const size = 16;

/** Two shards of 16 values each. */
function encoders() {
  const shards = [0, size].map((begin, shard) => ({ shard, begin, end: begin + size, node: "server-1", endpoint: "" }));
  const layouts = shards.map(() => ({ size, matrices: [], plain: [] }));
  return createSlotEncoders({ push: spec, kernels, memory, placement: { term: 1, shards }, layouts });
}

function gradient(scale: number): Float32Array {
  const { byteOffset } = memory.allocate(size * 4);
  const values = memory.floats(byteOffset, size);
  values.set(Array.from(values, (_, index) => scale * (index + 1)));
  return values;
}

test("what a stand-in has left unsent goes out with a slot of its own, and under no other name", () => {
  const slots = encoders();
  const residualsOf = (slot: number) =>
    slots.capture(slot).errors.map(({ snapshot }) => [...(snapshot.residual ?? [])]);
  for (const [slot, scale] of [
    [1, 1],
    [3, -2],
  ] as const) {
    for (const shard of [0, 1]) {
      const push = slots.of(slot, spec).encode(shard, gradient(scale * (shard + 1)), 0);
      push.answered({ type: "push_applied", version: 1, staleness: 0 });
    }
  }
  const [own, others] = [residualsOf(1), residualsOf(3)];
  slots.pass(3, 1);
  expect(residualsOf(1)).toEqual(
    own.map((values, shard) => values.map((value, at) => value + (others[shard]?.[at] ?? 0))),
  );
  expect(residualsOf(3)).toEqual([]);
  expect(slots.squaredError).toBeCloseTo(
    residualsOf(1)
      .flat()
      .reduce((sum, value) => sum + value * value, 0),
    3,
  ); // float32 sums
  const kept = residualsOf(1);
  slots.pass(3, 1);
  slots.pass(1, 2); // nobody has contributed slot 2
  expect(residualsOf(1)).toEqual(kept);
  slots.dispose();
});
