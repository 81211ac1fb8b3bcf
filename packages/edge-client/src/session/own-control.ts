/**
 * A client's own control variate cₖ of SCAFFOLD, and what its encoding has left unsent of the changes.
 *
 * The server's control is the mean of all cₖ, so a change that does not count there must not count here: a round's change is
 * taken back unless its contribution was answered as taken, or the server says so with its next offer.
 * Source  Karimireddy et al., ICML 2020.
 */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import type { RoundOffer } from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";
import { createCarriedState } from "./carried-state.ts";

export interface ControlBegun {
  /** [size] float32, the caller's. */
  readonly own: Float32Array;
  /** [size] float32: of earlier changes; zeros where encodings were exact. */
  readonly unsent: Float32Array;
}

export interface OwnControl {
  /** What a round begins with: zeros in a new epoch. */
  before(offer: RoundOffer, size: number): Promise<ControlBegun>;
  /** @param left - what the round leaves, borrowed */
  keep(offer: RoundOffer, left: ControlBegun): Promise<void>;
  /** The round's contribution was taken. */
  confirm(offer: RoundOffer): Promise<void>;
}

interface Confirmed {
  readonly epoch: number;
  readonly round: number;
}

const name = "control";
const confirmedName = "carried/control-confirmed";
const limits = { what: "what a client knows of its control", maximumBytes: 1_024, allowRefs: false };

export function createOwnControl(storage: ClientStorage, task: string): OwnControl {
  const confirmed = async (): Promise<Confirmed | undefined> => {
    const bytes = await storage.get(confirmedName);
    try {
      return bytes === undefined ? undefined : (decodePlainData(bytes, limits, "refuse") as Confirmed);
    } catch {
      return undefined;
    }
  };
  const counts = async ({ control }: RoundOffer): Promise<(round: number) => boolean> => {
    const known = await confirmed();
    return (round) =>
      control?.uncounted.includes(round) !== true &&
      (control?.counted.includes(round) === true || (known?.epoch === control?.epoch && known?.round === round));
  };
  const stateOf = ({ control }: RoundOffer): ReturnType<typeof createCarriedState> =>
    createCarriedState(storage, `${task} ${control?.epoch ?? 0}`, name);
  return {
    async before(offer, size) {
      const found = await stateOf(offer).before(offer.round, await counts(offer));
      const both = found?.length === 2 * size ? found : new Float32Array(2 * size);
      return { own: both.slice(0, size), unsent: both.slice(size) };
    },
    async keep(offer, { own, unsent }) {
      const both = new Float32Array(own.length + unsent.length);
      both.set(own);
      both.set(unsent, own.length);
      await stateOf(offer).keep(offer.round, both, await counts(offer));
    },
    async confirm({ round, control }) {
      if (control === null) return;
      await storage.set(confirmedName, encodePlainData({ epoch: control.epoch, round } satisfies Confirmed, limits));
    },
  };
}
