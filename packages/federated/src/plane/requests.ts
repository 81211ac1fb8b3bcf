/**
 * What a client asks the aggregator of its task. Clients begin every exchange but the few notices (`notices.ts`): a phone
 * behind a network that nobody can reach, or a tab that was frozen, asks again when it is back.
 *
 * Who asks is not in the request: the plane knows the client by the connection that it was let in with.
 */
import type { ContributionAnswer, ContributionOffer } from "../contribution/contribution.ts";
import type { VectorManifest, WholeVector } from "../contribution/manifest.ts";
import type { LastModel } from "./notices.ts";
import type { RoundOffer, TaskDescription } from "./task-description.ts";

/** What a device can do; decides what it is asked. */
export interface Device {
  /** Bytes that training may take. */
  readonly memoryBytes: number;
  /** Training samples that it has, or 1 for any. */
  readonly samples: number;
  /** Test samples that it has, or 1 for any, for evaluation on clients; 0: none. */
  readonly testSamples: number;
  /** Names of encodings that it reads, and writes. */
  readonly encodings: readonly string[];
  /** "browser" or "node", for people. */
  readonly platform: string;
}

export type ClientRequest =
  /** "I am here, and idle." Repeated from time to time: silence longer than its answer allows is absence. */
  | { readonly type: "check_in"; readonly device: Device }
  /** "I take part in this round", or not. */
  | {
      readonly type: "answer_offer";
      readonly round: number;
      readonly takesPart: boolean;
      readonly reason: string;
      /** With SCAFFOLD: the run has gone back further than this client has kept its control. */
      readonly lostControl?: boolean | undefined;
    }
  /** "How are the values of this round cut into chunks?" */
  | { readonly type: "fetch_manifest"; readonly round: number; readonly encoding: string }
  | { readonly type: "fetch_chunk"; readonly hash: string; readonly index: number }
  /** "This is what I have to contribute." Repeated after a break: the answer says what is there already. */
  | {
      readonly type: "offer_contribution";
      readonly offer: ContributionOffer;
      readonly trace: ClientTrace | null;
      /** All of it, where that is little (`isSentAtOnce`): then no chunk has to follow. */
      readonly content: Uint8Array | null;
    }
  | {
      readonly type: "put_chunk";
      readonly id: string;
      readonly index: number;
      readonly content: Uint8Array;
    }
  /** What the client measured with the values of a round, on its own data. */
  | {
      readonly type: "report_evaluation";
      readonly round: number;
      readonly samples: number;
      readonly loss: number;
      readonly accuracy: number;
    }
  /** A message of secure aggregation: which stage, and what `secure` makes of it. */
  | { readonly type: "secure_message"; readonly round: number; readonly stage: string; readonly body: Uint8Array }
  /** "I am going": the page is closed or hidden, the battery is low. */
  | { readonly type: "leave"; readonly reason: string };

/** Spans of a client's part of a contribution: they travel with it, so that no collector has to be reachable. */
export interface ClientTrace {
  /** W3C traceparent of the round's offer. */
  readonly traceparent: string;
  /** Milliseconds from the arrival of the offer, on the client's clock alone. */
  readonly spans: readonly {
    readonly name: string;
    readonly beginMs: number;
    readonly endMs: number;
    readonly attributes: Readonly<Record<string, string | number>>;
  }[];
}

export type ClientReply =
  | {
      readonly type: "checked_in";
      readonly task: TaskDescription;
      /** When the check-in ends, unless it is repeated. */
      readonly leaseMs: number;
      readonly comeBackAfterMs: number;
      /** The round in which the client is, after a reload or a break. */
      readonly offer: RoundOffer | null;
    }
  /** "Not now", or not this device. */
  | {
      readonly type: "turned_away";
      readonly reason: string;
      readonly comeBackAfterMs: number;
      /** It would be turned away again. */
      readonly isFinal: boolean;
      /** Where the task is over: as in its notice. */
      readonly over?: LastModel | null | undefined;
    }
  | {
      readonly type: "offer_noted";
      readonly isMember: boolean;
      readonly reportWithinMs: number;
      /** Of the round, where they are few (`isSentAtOnce`); null: to be fetched. */
      readonly values: WholeVector | null;
      /** For who declines: it is not asked before. Absent: as its last check-in was told. */
      readonly comeBackAfterMs?: number | undefined;
    }
  | { readonly type: "manifest"; readonly version: number; readonly manifest: VectorManifest }
  | { readonly type: "chunk"; readonly content: Uint8Array }
  /** "Send what is missing": a bitmap of the chunks that are here. */
  | { readonly type: "send_chunks"; readonly received: Uint8Array; readonly window: number }
  | { readonly type: "chunk_kept" }
  | { readonly type: "answered"; readonly answer: ContributionAnswer }
  | { readonly type: "noted" }
  /** What was asked for is not here (any more): check in again. */
  | { readonly type: "gone"; readonly reason: string };
