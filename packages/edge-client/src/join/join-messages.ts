/** What a program's thread says to the two threads of its client, and they to it. */
import type { SerializedError } from "@shoal/errors";
import type { PrivacyBudget } from "@shoal/federated";
import type { SessionModel } from "../session/newest-model.ts";
import type { JoinEvent, JoinTraffic, TrainingData } from "./join-task.ts";

/** One end of a thread: a worker as its page sees it, what a worker sees of itself, or the like in Node. */
export interface ThreadPort {
  postMessage(message: unknown, options: { readonly transfer: Transferable[] }): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
}

/** Whom the network's thread is to let in, and with what. */
export interface NetworkStart {
  readonly origin: string;
  readonly ticket: string | null;
  /** null: that of the storage. */
  readonly key: string | null;
  /** null: in memory. */
  readonly storage: string | null;
  readonly memoryBytes: number;
  readonly privacyLimit: PrivacyBudget | undefined;
  /** Of the device, for people. */
  readonly platform: string;
}

export type ToNetwork =
  /** At the other end of the port is the compute thread. */
  | { readonly type: "start"; readonly start: NetworkStart; readonly compute: MessagePort }
  /** The device is back, or somebody looks at its page again: a worker's own scope is not told of that. */
  | { readonly type: "reconnect_hint" }
  /** The page is closed, or loaded again. */
  | { readonly type: "page_goes" }
  | { readonly type: "close" }
  | { readonly type: "look"; readonly call: number };

/** What the client has come to. */
export interface ClientState {
  readonly model: SessionModel | undefined;
  readonly traffic: JoinTraffic;
}

export type FromNetwork =
  | { readonly type: "event"; readonly event: JoinEvent }
  /** It is let in. */
  | { readonly type: "joined"; readonly client: string; readonly task: string }
  | { readonly type: "looked"; readonly call: number; readonly state: ClientState }
  /** It takes part no longer, or was not let in. */
  | { readonly type: "over"; readonly end: ClientEnd; readonly state: ClientState };

export type ClientEnd = { readonly reason: string } | { readonly error: SerializedError };

export type ToCompute =
  /** At the other end of the port is the network's thread. */
  | {
      readonly type: "load";
      readonly call: number;
      readonly data: TrainingData;
      readonly memoryBytes: number;
      readonly client: MessagePort;
    }
  | { readonly type: "data"; readonly call: number; readonly data: TrainingData };

export type FromCompute =
  | { readonly type: "taken"; readonly call: number }
  /** The data are none, or the kernels did not load. */
  | { readonly type: "refused"; readonly call: number; readonly error: SerializedError };
