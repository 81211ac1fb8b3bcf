/** A client's own control variate of SCAFFOLD. What keeps it is loaded when a round has one: most tasks have none. */
import type { ControlOffer, RoundOffer } from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";

export interface ControlBegun {
  /** [size] float32, the caller's. */
  readonly own: Float32Array;
  /** [size] float32: of earlier changes; zeros where encodings were exact. */
  readonly unsent: Float32Array;
}

/** An offer of a round with controls. */
export type ControlledOffer = Pick<RoundOffer, "round"> & { readonly control: ControlOffer };

export interface OwnControl {
  /**
   * What a round begins with: zeros in a new epoch.
   * @returns why it has none: the run has gone further back than is kept here, or what is kept is of a later epoch
   */
  before(offer: ControlledOffer, size: number): Promise<ControlBegun | "too_far_back" | "later_epoch">;
  /** @param left - what the round leaves, borrowed */
  keep(offer: ControlledOffer, left: ControlBegun): Promise<void>;
  /** The round's contribution was taken. */
  confirm(offer: RoundOffer): Promise<void>;
}

export function createOwnControl(storage: ClientStorage, task: string): OwnControl {
  const load = async (): Promise<OwnControl> => (await import("./kept-control.ts")).createKeptControl(storage, task);
  return {
    before: async (offer, size) => (await load()).before(offer, size),
    keep: async (offer, left) => (await load()).keep(offer, left),
    async confirm(offer) {
      if (offer.control !== null) await (await load()).confirm(offer);
    },
  };
}
