/**
 * The bytes of contributions: as they come in, and of those that were accepted until their round is over.
 *
 * Bounds  `IntakeLimits` for what is on its way; accepted contributions are at most those of the round and of the next,
 *         `goal` + `invited`, because each is of another client that was asked.
 */
import { ShoalError } from "@shoal/errors";
import {
  beginUpload,
  chunkRange,
  createIntake,
  endUpload,
  expireUploads,
  isChunk,
  receiveChunk,
  type ChunkSet,
  type ContributionOffer,
  type IntakeLimits,
} from "@shoal/federated";

export interface StoredContribution {
  readonly offer: ContributionOffer;
  /** As it came, in its encoding. */
  readonly content: Uint8Array;
}

export type BeginOutcome =
  | { readonly kind: "receive"; readonly received: ChunkSet }
  | { readonly kind: "no_room"; readonly isClients: boolean; readonly reason: string };

export type ChunkOutcome =
  | { readonly kind: "kept" }
  | { readonly kind: "complete"; readonly contribution: StoredContribution }
  /** No such upload: it expired, or was never offered. */
  | { readonly kind: "unknown" }
  /** The bytes are not those that were announced. */
  | { readonly kind: "damaged" };

export interface ContributionStore {
  begin(offer: ContributionOffer, nowMs: number): BeginOutcome;
  /** @param content - borrowed */
  put(client: string, id: string, index: number, content: Uint8Array, nowMs: number): ChunkOutcome;
  /** Keeps a complete one until it is taken or dropped. */
  accept(contribution: StoredContribution): void;
  /** Whether an accepted one is here. */
  has(id: string): boolean;
  /** Those that a commit names, in its order. @throws ShoalError invalid_argument - one is not here */
  accepted(ids: readonly string[]): readonly StoredContribution[];
  drop(ids: readonly string[]): void;
  /** Of the accepted ones, keeps these and no others. */
  retain(ids: readonly string[]): void;
  /** Forgets uploads that nobody goes on with. */
  expire(nowMs: number): void;
  /** Forgets uploads for older rounds: who keeps sending the same chunk must not hold its room for ever. */
  endBefore(round: number): void;
}

export function createContributionStore(limits: IntakeLimits): ContributionStore {
  let intake = createIntake(limits);
  const arriving = new Map<string, { readonly hash: string; readonly content: Uint8Array }>();
  const complete = new Map<string, StoredContribution>();
  const forget = (ids: readonly string[]): void => {
    for (const id of ids) arriving.delete(id);
    intake = ids.reduce(endUpload, intake);
  };
  return {
    begin(offer, nowMs) {
      const decision = beginUpload(intake, offer, nowMs);
      if (decision.kind === "no_room") return decision;
      ({ intake } = decision);
      const { hash, bytes } = offer.content;
      if (arriving.get(offer.id)?.hash !== hash) arriving.set(offer.id, { hash, content: new Uint8Array(bytes) });
      return { kind: "receive", received: decision.upload.received };
    },
    put(client, id, index, content, nowMs) {
      const upload = intake.uploads.get(id);
      if (upload === undefined || upload.offer.client !== client) return { kind: "unknown" };
      if (!isChunk(upload.offer.content, index, content)) return { kind: "damaged" };
      const place = arriving.get(id);
      if (place?.hash !== upload.offer.content.hash) return { kind: "unknown" };
      const next = receiveChunk(intake, id, index, nowMs);
      if (next === undefined) return { kind: "unknown" };
      place.content.set(content, chunkRange(upload.offer.content, index).begin);
      ({ intake } = next);
      if (!next.isComplete) return { kind: "kept" };
      intake = endUpload(intake, id);
      arriving.delete(id);
      return { kind: "complete", contribution: { offer: next.upload.offer, content: place.content } };
    },
    accept(contribution) {
      complete.set(contribution.offer.id, contribution);
    },
    has: (id) => complete.has(id),
    accepted: (ids) =>
      ids.map((id) => {
        const found = complete.get(id);
        if (found !== undefined) return found;
        throw new ShoalError("invalid_argument", `contribution ${id} is not here`, { field: "contribution" });
      }),
    drop(ids) {
      for (const id of ids) complete.delete(id);
      forget(ids);
    },
    retain(ids) {
      const kept = new Set(ids);
      for (const id of complete.keys()) if (!kept.has(id)) complete.delete(id);
    },
    endBefore(round) {
      const old = [...intake.uploads.values()].filter(({ offer }) => offer.round < round);
      forget(old.map(({ offer }) => offer.id));
    },
    expire: (nowMs) => forget(expireUploads(intake, nowMs).expired),
  };
}
