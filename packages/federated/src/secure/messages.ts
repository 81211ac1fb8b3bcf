/**
 * What clients and server of a secure sum tell each other, in four rounds. Clients are their indices in the roster from
 * the second message on.
 *
 *   1  client → keys                     server → roster
 *   2  client → sealed shares, hashes    server → the sealed shares for this client, and their hashes
 *   3  client → masked vector            server → who is in the sum and who has left
 *   4  client → shares, one a neighbour
 */
import type { Curve } from "./key-agreement.ts";
import type { ThreatModel } from "./graph-parameters.ts";

/** What server and clients have to agree on before they begin. Fixed by the task. */
export interface SecureSettings {
  /** Names this sum among all of the run, such as "run-7/round-12": signatures are of it. */
  readonly name: string;
  readonly curve: Curve;
  /** The sum is modulo 2^bits. */
  readonly bits: number;
  /** Clients whose sum may be seen, at the least: a client leaves when its sum would be of fewer. */
  readonly minimumClients: number;
  readonly threat: ThreatModel;
}

/** In everything that is hashed, signed or derived: builds that differ in it have nothing in common, and say so. */
export const secureProtocol = "shoal secure aggregation 2";

/** Most clients of one session: each of them is sent the keys of all. */
export const maximumClients = 1000;

export interface AdvertisedKeys {
  /** The client's name outside of this session. */
  readonly client: string;
  readonly maskKey: Uint8Array;
  readonly sealKey: Uint8Array;
  /** SHA-256 of the client's seed, 32 bytes: what its shares are checked against. */
  readonly seedHash: Uint8Array;
  /** By the client's identity key; empty where there are none. */
  readonly signature: Uint8Array;
}

/** In the order of their clients' names. */
export type Roster = readonly AdvertisedKeys[];

export interface SealedShares {
  readonly from: number;
  readonly to: number;
  readonly sealed: Uint8Array;
  /** What the dealer binds itself to (`share-hash.ts`), 32 bytes for each of the two shares. */
  readonly hashes: { readonly maskKey: Uint8Array; readonly seed: Uint8Array };
}

/** Ascending. Together they are all clients that have shared their secrets. */
export interface UnmaskingRequest {
  /** Whose vectors are in the sum: their own masks have to go. */
  readonly survivors: readonly number[];
  /** Who left after sharing: what others masked against them has to go. */
  readonly dropped: readonly number[];
}

export interface RevealedShare {
  /** Whose secret it is of. */
  readonly of: number;
  readonly share: Uint8Array;
}

/** For each neighbour one of two shares; none for one whose shares did not open, or were not of their hashes. */
export interface UnmaskingAnswer {
  /** Of seeds of survivors. */
  readonly seeds: readonly RevealedShare[];
  /** Of mask keys of those who left. */
  readonly maskKeys: readonly RevealedShare[];
}
