/**
 * A client's own control variate cₖ of SCAFFOLD, and what its encoding has left unsent of the changes.
 *
 * The server's control is the mean of all cₖ, so a change that does not count there must not count here: a round's change is
 * taken back unless its contribution was answered as taken, or the server says so with its next offer. Where the run goes
 * back to a snapshot, the client goes back to what it had then.
 *
 * Bounds  what there was after the newest two rounds, and after each that the run may go back to (a few).
 * Source  Karimireddy et al., ICML 2020.
 */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";
import type { ControlOffer, RoundOffer } from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";
import { beginning, entryBefore, withEntry, type ControlEntry, type ControlHistory } from "./control-history.ts";
import { floatsOf, packVectors, unpackVectors } from "./kept-vectors.ts";

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
  confirm(offer: ControlledOffer): Promise<void>;
}

interface Confirmed {
  readonly epoch: number;
  readonly round: number;
}

const historyName = "carried/control";
const confirmedName = "carried/control-confirmed";
const limits = { what: "what a client knows of its control", maximumBytes: 2 ** 16, allowRefs: false };

export function createOwnControl(storage: ClientStorage, task: string): OwnControl {
  const historyOf = async ({ control }: ControlledOffer): Promise<ControlHistory> => {
    const known = unpackHistory(await storage.get(historyName));
    const isOld = known?.task !== task || known.epoch < control.epoch;
    return isOld ? beginning(task, control.epoch) : known;
  };
  const found = async (offer: ControlledOffer): Promise<Found> => {
    const history = await historyOf(offer);
    const confirmed = readConfirmed(await storage.get(confirmedName));
    const isConfirmed = (round: number): boolean => confirmed?.epoch === history.epoch && confirmed.round === round;
    return { history, isConfirmed };
  };
  return {
    async before(offer, size) {
      const { history, isConfirmed } = await found(offer);
      const entry = entryBefore(history, offer, isConfirmed);
      if (entry === undefined) return history.epoch > offer.control.epoch ? "later_epoch" : "too_far_back";
      const { both } = entry;
      const vectors = both?.length === 2 * size * Float32Array.BYTES_PER_ELEMENT ? floatsOf(both) : undefined;
      const begun = vectors ?? new Float32Array(2 * size);
      return { own: begun.slice(0, size), unsent: begun.slice(size) };
    },
    async keep(offer, { own, unsent }) {
      const { history, isConfirmed } = await found(offer);
      const both = new Float32Array(own.length + unsent.length);
      both.set(own);
      both.set(unsent, own.length);
      const next = withEntry(history, offer, isConfirmed, new Uint8Array(both.buffer));
      await storage.set(historyName, packHistory(next));
    },
    async confirm({ round, control }) {
      await storage.set(confirmedName, encodePlainData({ epoch: control.epoch, round } satisfies Confirmed, limits));
    },
  };
}

interface Found {
  readonly history: ControlHistory;
  readonly isConfirmed: (round: number) => boolean;
}

function readConfirmed(bytes: Uint8Array | undefined): Confirmed | undefined {
  try {
    return bytes === undefined ? undefined : (decodePlainData(bytes, limits, "refuse") as Confirmed);
  } catch {
    return undefined;
  }
}

/** Entries without their vectors. */
type Facts = Omit<ControlHistory, "entries"> & { readonly entries: readonly Omit<ControlEntry, "both">[] };

function packHistory({ entries, ...rest }: ControlHistory): Uint8Array {
  const facts: Facts = { ...rest, entries: entries.map(({ round, next }) => ({ round, next })) };
  return packVectors(
    facts,
    entries.map(({ both }) => both),
  );
}

function unpackHistory(bytes: Uint8Array | undefined): ControlHistory | undefined {
  const [facts, vectors] = unpackVectors(bytes) ?? [];
  if (facts === undefined) return undefined;
  const { entries, ...rest } = facts as Facts;
  return { ...rest, entries: entries.map((each, at) => ({ ...each, both: vectors?.[at] ?? null })) };
}
