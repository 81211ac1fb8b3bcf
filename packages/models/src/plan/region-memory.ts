/** A plan's memory on a thread that may not allocate: one region that the allocating thread sent. */
import { ShoalError } from "@shoal/errors";
import type { Region } from "@shoal/kernels-wasm";
import type { PlanMemory } from "./plan.ts";

/**
 * Hands out `region` to one taker at a time; whoever allocated it frees it. See `planBytes` for the size to ask for.
 * @throws ShoalError out_of_memory (from `allocate`) when the region is taken or too small
 */
export function regionMemory(memory: WebAssembly.Memory, region: Region): PlanMemory {
  let taken = false;
  return {
    memory,
    allocate(byteLength) {
      if (taken || byteLength > region.byteLength) {
        const sentence = taken ? "the region is in use" : `the region has ${region.byteLength} bytes`;
        throw new ShoalError("out_of_memory", `${byteLength} bytes asked for, ${sentence}`, { byteLength });
      }
      taken = true;
      new Uint8Array(memory.buffer, region.byteOffset, byteLength).fill(0);
      return { byteOffset: region.byteOffset, byteLength };
    },
    free() {
      taken = false;
    },
  };
}
