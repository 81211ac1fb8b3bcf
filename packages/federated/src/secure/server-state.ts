/** States, events and effects of the server's side of a secure sum. Plain data: they can be kept and gone on from. */
import type {
  AdvertisedKeys,
  RevealedShare,
  Roster,
  SealedShares,
  SecureSettings,
  UnmaskingAnswer,
  UnmaskingRequest,
} from "./messages.ts";

export interface SecureSumPlan extends SecureSettings {
  /** Clients that were asked: when all of them are there nobody is waited for. At most `maximumClients`. */
  readonly invited: number;
  /** How long each of the four rounds waits. */
  readonly stageTimeoutMs: number;
  /** How long masked vectors are waited for, where clients make them meanwhile. Default: as long as a stage. */
  readonly maskingTimeoutMs?: number | undefined;
}

interface Open {
  readonly plan: SecureSumPlan;
  readonly deadlineMs: number;
  /** Clients that will say nothing more. */
  readonly gone: readonly string[];
}

export interface AdvertisingState extends Open {
  readonly phase: "advertising";
  readonly keys: Roster;
}

interface Session extends Open {
  readonly roster: Roster;
  /** Its id, 32 bytes. */
  readonly session: Uint8Array;
  /** Of each client, by index; without those who have left before they shared. */
  readonly neighbours: readonly (readonly number[])[];
  readonly threshold: number;
}

export interface SharingState extends Session {
  readonly phase: "sharing";
  readonly shared: readonly number[];
  /** For each client of the roster what has been sealed for it. */
  readonly sealed: readonly (readonly SealedShares[])[];
}

export interface MaskingState extends Session {
  readonly phase: "masking";
  readonly shared: readonly number[];
  /** For each client of the roster what has been sealed for it. */
  readonly sealed: readonly (readonly SealedShares[])[];
  readonly masked: readonly number[];
}

/** A share of the secret of client `of`, given by client `from`. */
export interface CollectedShare extends RevealedShare {
  readonly from: number;
}

export interface UnmaskingState extends Session {
  readonly phase: "unmasking";
  readonly request: UnmaskingRequest;
  readonly answered: readonly number[];
  /** For each client of the roster what has been sealed for it: its hashes are what revealed shares are held to. */
  readonly sealed: readonly (readonly SealedShares[])[];
  /** Who has given away a share that is not what was dealt. */
  readonly liars: readonly number[];
  /** For each client of the roster: shares of the seed of a survivor, of the mask key of who has left, all as dealt. */
  readonly collected: readonly (readonly CollectedShare[])[];
}

/** Everything is there: the sum of the survivors' vectors can be unmasked. */
export interface SummedState {
  readonly phase: "summed";
  /** Names of the clients in the sum. */
  readonly survivors: readonly string[];
}

export interface AbortedState {
  readonly phase: "aborted";
  readonly reason: string;
}

export type SessionState = SharingState | MaskingState | UnmaskingState;
export type OpenServerState = AdvertisingState | SessionState;
export type ServerState = OpenServerState | SummedState | AbortedState;

/** Clients repeat their last message until they have an answer: repeated messages are answered again. */
export type ServerEvent =
  | { readonly type: "keys"; readonly keys: AdvertisedKeys }
  | { readonly type: "shares"; readonly client: string; readonly shares: readonly SealedShares[] }
  /** All of the client's masked vector is there; what is not whole must not be added. */
  | { readonly type: "masked"; readonly client: string }
  | { readonly type: "answer"; readonly client: string; readonly answer: UnmaskingAnswer }
  /** The client is gone. */
  | { readonly type: "left"; readonly client: string }
  | { readonly type: "tick" };

/** What the masks in the sum are recovered from. */
export interface Unmasking {
  readonly threshold: number;
  /** Whose own mask is in the sum: shares of their seeds. */
  readonly survivors: readonly { readonly client: number; readonly shares: readonly CollectedShare[] }[];
  /** Whose masks with `partners`, who are in the sum, have nothing to cancel them: shares of their mask keys. */
  readonly dropped: readonly {
    readonly client: number;
    readonly partners: readonly number[];
    readonly shares: readonly CollectedShare[];
  }[];
}

export type ServerEffect =
  | { readonly type: "send_roster"; readonly to: readonly string[]; readonly roster: Roster }
  | { readonly type: "send_shares"; readonly to: string; readonly shares: readonly SealedShares[] }
  | { readonly type: "send_request"; readonly to: readonly string[]; readonly request: UnmaskingRequest }
  | {
      readonly type: "unmask";
      readonly roster: Roster;
      readonly session: Uint8Array;
      readonly unmasking: Unmasking;
    }
  /** The message costs its sender its place, and nobody else anything. */
  | { readonly type: "refuse"; readonly client: string; readonly reason: string }
  /** The client's doing and nobody else's, whatever has become of its vector; `isFatal`: there is no sum because of it. */
  | { readonly type: "accuse"; readonly client: string; readonly reason: string; readonly isFatal: boolean }
  /** Nothing of the sum can be seen any more. */
  | {
      readonly type: "abort";
      readonly clients: readonly string[];
      readonly reason: string;
      readonly lost?: LostSecret;
    };

/** Why there is no sum: for the record, because all clients hear the reason, which names none of them. */
export interface LostSecret {
  readonly client: string;
  readonly why: string;
}

export interface ServerStep {
  readonly state: ServerState;
  readonly effects: readonly ServerEffect[];
  readonly reason: string;
}
