/** What a session is given, and what it knows from one moment to the next. */
import type { Clock, Random } from "@shoal/actors/browser";
import type {
  ClientNotice,
  ClientPlane,
  Device,
  PrivacyBudget,
  RoundOffer,
  SecureClientPorts,
  TaskDescription,
} from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";
import type { LocalTrainer, UpdateCodec } from "./local-training.ts";
import type { NewestModel } from "./newest-model.ts";
import type { PatientPlane } from "./patient-plane.ts";
import type { PrivacyPromise } from "./privacy-promise.ts";
import type { SecureNotice } from "./round-room.ts";
import type { SessionEvent } from "./session-event.ts";
import type { WorkShelf } from "./work-record.ts";

export interface SessionOptions {
  readonly task: string;
  /** The name under which the plane was let in. */
  readonly client: string;
  /** Closed with the session. */
  readonly plane: ClientPlane;
  /** Closed with the session. */
  readonly trainer: LocalTrainer;
  readonly codec: UpdateCodec;
  /** Bytes that training may take, and what device this is, for people. */
  readonly device: Pick<Device, "memoryBytes" | "platform">;
  /** Default: in memory, so that a reload forgets everything. */
  readonly storage?: ClientStorage;
  readonly clock?: Clock;
  readonly random?: Random;
  /** For tasks that mask their updates. Default: the platform's. */
  readonly cryptography?: SecureClientPorts;
  /**
   * Where a task has clients add noise of their own: this one leaves before its contributions to the task come to more than this, or
   * than the task's own budget. Default: the task's alone.
   */
  readonly privacyLimit?: PrivacyBudget;
  readonly onEvent?: (event: SessionEvent) => void;
}

export interface PlayedRound {
  readonly number: number;
  readonly abort: AbortController;
  hearSecure: ((notice: SecureNotice) => void) | undefined;
}

export interface SessionState {
  readonly options: SessionOptions;
  readonly plane: PatientPlane;
  readonly storage: ClientStorage;
  readonly shelf: WorkShelf;
  readonly random: Random;
  readonly clock: Clock;
  readonly closing: AbortController;
  /** Of the round that is being played. */
  round: PlayedRound | undefined;
  /** Heard, and not yet looked at. */
  offer: RoundOffer | undefined;
  againForRound: number | undefined;
  /** An aggregator has come: all clients check in, each at a moment of its own within so many ms. */
  hereWithinMs: number | undefined;
  /** Rounds in a row that came to nothing: the next one waits. */
  failures: number;
  wake: (() => void) | undefined;
  over: TaskOver | undefined;
  /** As the last check-in told. */
  task: TaskDescription | undefined;
  readonly model: NewestModel;
  readonly promise: PrivacyPromise;
}

export type TaskOver = Extract<ClientNotice, { readonly type: "task_over" }>;

/** Between half and all of it: clients that were told the same do not come at the same moment. */
export function jittered({ random }: SessionState, ms: number): number {
  return ms * (0.5 + random.uniform() / 2);
}
