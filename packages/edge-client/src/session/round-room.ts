/** What the stages of a round have in common. */
import type {
  ClientNotice,
  ContributionAnswer,
  PrivacyBudget,
  SecureClientPorts,
  TaskDescription,
} from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";
import type { CarriedState } from "./carried-state.ts";
import type { LocalTrainer, UpdateCodec } from "./local-training.ts";
import type { NewestModel } from "./newest-model.ts";
import type { PatientPlane } from "./patient-plane.ts";
import type { SessionEvent } from "./session-event.ts";
import type { WorkShelf } from "./work-record.ts";

export interface RoundRoom {
  readonly client: string;
  readonly task: TaskDescription;
  readonly plane: PatientPlane;
  readonly shelf: WorkShelf;
  readonly trainer: LocalTrainer;
  readonly codec: UpdateCodec;
  /** That training may take on this device. */
  readonly memoryBytes: number;
  /** What lossy encodings have left unsent. */
  readonly unsent: CarriedState;
  /** Values of layers that stay here. */
  readonly personal: CarriedState;
  /** For what few tasks have: controls, an account of privacy. */
  readonly storage: ClientStorage;
  /** Of the client's own; undefined: the task's. */
  readonly privacyLimit: PrivacyBudget | undefined;
  /** For masks and noise; undefined: the platform's. */
  readonly cryptography: SecureClientPorts | undefined;
  /** Has the notices of the round's secure sum told. @returns stops that */
  readonly hearSecure: (hear: (notice: SecureNotice) => void) => () => void;
  /** Is given the values of each round. */
  readonly model: NewestModel;
  readonly now: () => number;
  readonly tell: (event: SessionEvent) => void;
  /** Says that the client is there, from time to time, until the signal is raised. */
  readonly attend: (signal: AbortSignal) => Promise<void>;
  /** Between half and all of it. */
  readonly jittered: (ms: number) => number;
  /** Raised when nothing more is wanted of this round. */
  readonly signal: AbortSignal;
}

export type SecureNotice = Extract<ClientNotice, { readonly type: "secure_notice" }>;

/** How a round ended for this client. */
export type RoundOutcome =
  | { readonly kind: "answered"; readonly answer: ContributionAnswer }
  /** It is not in the round any more. Where it declined: for how long it is not asked, ms. */
  | { readonly kind: "let_go"; readonly reason: string; readonly comeBackAfterMs?: number };

/**
 * Chunks under way: a browser's socket takes whatever it is given, and what it holds is lost with the page. `PatientPlane`
 * repeats what is not answered.
 */
export const window = 4;
