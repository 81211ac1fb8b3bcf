/**
 * The update that made the present values: where centred clipping begins (Karimireddy, He, Jaggi, ICML 2021).
 *
 * Boundary  In the store before the update leaves that it is: whoever takes the task over begins there, too, and comes to
 *           the same bits. A run that goes back, or goes on elsewhere, finds none and begins at zero, as its first round did.
 * Bounds    Updates of two versions in the store, one here.
 */
import { createControlStore, type ControlStoreOptions } from "../control/control-store.ts";

export interface LastUpdate {
  /** [size] float32 the update that made these values, borrowed; undefined: unknown. @throws ShoalError store_unavailable */
  of(version: number): Promise<Float32Array | undefined>;
  /** @param update - that makes these values; kept @throws ShoalError store_unavailable */
  keep(version: number, update: Float32Array): Promise<void>;
  /** The run is over. @throws ShoalError store_unavailable */
  clear(): Promise<void>;
}

/** @param term - of the aggregator that writes */
export function createLastUpdate(options: ControlStoreOptions, term: () => number): LastUpdate {
  const store = createControlStore({ ...options, name: "last-update" });
  const epoch = 0;
  let newest: { readonly version: number; readonly update: Float32Array } | undefined;
  return {
    async of(version) {
      return newest?.version === version ? newest.update : store.read({ epoch, version });
    },
    async keep(version, update) {
      await store.write({ term: term(), epoch, version }, update);
      newest = { version, update };
    },
    clear: () => store.clear(),
  };
}
