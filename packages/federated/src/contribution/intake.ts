/**
 * Uploads that an aggregator is receiving: which chunks it has, and how much room they take. Pure; the bytes lie with the
 * caller.
 *
 * Bounds  bytes of unfinished uploads, of one client and in all; an upload of which nothing is heard for `idleMs` is
 *         forgotten, and its client sends it again if it comes back.
 */
import { emptyChunkSet, isComplete, withChunk, type ChunkSet } from "./chunk-set.ts";
import type { ContributionOffer } from "./contribution.ts";
import { chunkCount } from "./manifest.ts";

export interface IntakeLimits {
  readonly bytesOfClient: number;
  readonly bytesInAll: number;
  readonly idleMs: number;
}

export interface Upload {
  readonly offer: ContributionOffer;
  readonly received: ChunkSet;
  readonly heardAtMs: number;
}

export interface Intake {
  readonly limits: IntakeLimits;
  /** By contribution. */
  readonly uploads: ReadonlyMap<string, Upload>;
}

export type IntakeDecision =
  | { readonly kind: "receive"; readonly intake: Intake; readonly upload: Upload }
  | { readonly kind: "no_room"; readonly isClients: boolean; readonly reason: string };

export function createIntake(limits: IntakeLimits): Intake {
  return { limits, uploads: new Map() };
}

/** Begins an upload, or goes on with it. The same id with other content begins anew: the client has trained again. */
export function beginUpload(intake: Intake, offer: ContributionOffer, nowMs: number): IntakeDecision {
  const { limits, uploads } = intake;
  const known = uploads.get(offer.id);
  if (known?.offer.content.hash === offer.content.hash) {
    return kept(intake, { ...known, offer, heardAtMs: nowMs });
  }
  const others = [...uploads.values()].filter((upload) => upload.offer.id !== offer.id);
  const bytes = (of: readonly Upload[]): number => of.reduce((sum, upload) => sum + upload.offer.content.bytes, 0);
  const ofClient = bytes(others.filter((upload) => upload.offer.client === offer.client)) + offer.content.bytes;
  if (ofClient > limits.bytesOfClient) {
    const reason = `unfinished uploads of ${offer.client} would take ${ofClient} bytes, at most ${limits.bytesOfClient}`;
    return { kind: "no_room", isClients: true, reason };
  }
  const inAll = bytes(others) + offer.content.bytes;
  if (inAll > limits.bytesInAll) {
    const reason = `unfinished uploads would take ${inAll} bytes, at most ${limits.bytesInAll}`;
    return { kind: "no_room", isClients: false, reason };
  }
  return kept(intake, { offer, received: emptyChunkSet(chunkCount(offer.content)), heardAtMs: nowMs });
}

/** A chunk whose hash is right. @returns undefined when no such upload is under way */
export function receiveChunk(
  intake: Intake,
  id: string,
  index: number,
  nowMs: number,
): { readonly intake: Intake; readonly upload: Upload; readonly isComplete: boolean } | undefined {
  const upload = intake.uploads.get(id);
  if (upload === undefined || !(index >= 0 && index < upload.received.count)) return undefined;
  const next = { ...upload, received: withChunk(upload.received, index), heardAtMs: nowMs };
  return { intake: put(intake, next), upload: next, isComplete: isComplete(next.received) };
}

/** Finished, refused or unwanted. */
export function endUpload(intake: Intake, id: string): Intake {
  if (!intake.uploads.has(id)) return intake;
  const uploads = new Map(intake.uploads);
  uploads.delete(id);
  return { ...intake, uploads };
}

/** Forgets uploads that nobody goes on with. @returns the ids whose bytes are free */
export function expireUploads(
  intake: Intake,
  nowMs: number,
): { readonly intake: Intake; readonly expired: readonly string[] } {
  const expired = [...intake.uploads].filter(([, { heardAtMs }]) => nowMs - heardAtMs > intake.limits.idleMs);
  const ids = expired.map(([id]) => id);
  return { intake: ids.reduce(endUpload, intake), expired: ids };
}

function kept(intake: Intake, upload: Upload): IntakeDecision {
  return { kind: "receive", intake: put(intake, upload), upload };
}

function put(intake: Intake, upload: Upload): Intake {
  return { ...intake, uploads: new Map(intake.uploads).set(upload.offer.id, upload) };
}
