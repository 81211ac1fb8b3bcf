/** What `join` is given and gives, the same in Node and in pages. */
import type { PrivacyBudget } from "@shoal/federated";
import type { Split } from "@shoal/models";
import type { SessionModel } from "../session/newest-model.ts";
import type { SessionEvent } from "../session/session-event.ts";

export interface JoinTask {
  /** Where `shoal edge` is, as in `https://edge.example`. */
  readonly origin: string;
  /** What stands behind `#ticket=` in an invitation; default: none, where nobody needs one. */
  readonly ticket?: string | null;
}

/** What a client learns from, and what it measures with where the task wants that. */
export interface TrainingData {
  readonly train: Split;
  readonly test?: Split | undefined;
}

export type JoinEvent =
  | SessionEvent
  /** It is not let in yet: nobody answers, no task runs, or all places are taken. It asks again, for ever. */
  | { readonly type: "waiting"; readonly reason: string };

export interface JoinOptions {
  /**
   * Where the client keeps its key and what it has come to, so that it is the same client after a reload or a crash, and goes on
   * where it was: in Node a folder, which one client at a time uses; in a page a name below which each tab that takes part has a
   * database of its own. null: in memory. Default: "shoal" in a page, in Node memory.
   */
  readonly storage?: string | null;
  /** From `createClientKey`, where the program keeps it itself; whoever has it is this client. Default: that of the storage. */
  readonly key?: string;
  /** Bytes that training may take; default: an eighth of what a browser says that its device has, or 256 MiB. */
  readonly memoryBytes?: number;
  /** Where clients add noise of their own: what all that this one tells may come to, whatever the task allows. It leaves before. */
  readonly privacyLimit?: PrivacyBudget;
  readonly onEvent?: (event: JoinEvent) => void;
  /** Aborted: it stops joining, or closes the session. */
  readonly signal?: AbortSignal;
}

/** Bytes of messages so far, without WebSocket's and TLS's own. */
export interface JoinTraffic {
  readonly sent: number;
  readonly received: number;
}

/** A client that takes part, on threads of its own. */
export interface JoinedSession extends AsyncDisposable {
  /** The name under which it is known. */
  readonly client: string;
  readonly task: string;
  /** Settles when the task is over, or the session closed; says why. Rejects with a ShoalError: it can take part no longer. */
  readonly ended: Promise<string>;
  /**
   * The newest values that this client has: those of the last round that it was in; when the task has ended, its last ones.
   * undefined: none yet. It can be asked after the end, too.
   */
  model(): Promise<SessionModel | undefined>;
  traffic(): Promise<JoinTraffic>;
  /** Learns from these data instead, from the next training on. @throws ShoalError invalid_argument - as `join` */
  setData(data: Split | TrainingData): Promise<void>;
  /** Says goodbye and ends what is under way, threads included. Idempotent. */
  close(): Promise<void>;
}
