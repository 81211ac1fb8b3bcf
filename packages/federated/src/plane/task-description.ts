/** What a client has to know in order to train: plain data, never code. */
import type { SecureTask } from "../secure/secure-task.ts";

/**
 * Counts changes of what clients are told and asked that a client of before would misunderstand. Whoever meets a greater
 * number than its own has to be updated.
 */
export const planeProtocol = 5;

/** An encoding with its parameters, as `parseEncodingSpec` of the optimization package takes it. */
export type EncodingSpec = Readonly<Record<string, unknown>>;

/** Keys [begin, end) of the vectors that travel, which every encoding leaves as they are. */
export interface PlainKeys {
  readonly begin: number;
  readonly end: number;
}

/** Sent with every check-in; small, because models are a few layers of text. */
export interface TaskDescription {
  /** `planeProtocol` of the aggregator. */
  readonly protocol: number;
  readonly task: string;
  /** Model specification, as `parseModelSpec` of the models package takes it. */
  readonly model: Readonly<Record<string, unknown>>;
  /** Elements of the parameter vector. */
  readonly size: number;
  readonly local: LocalTraining;
  /** Encodings of values on the way down, and of updates on the way up, best first; no two of one name. */
  readonly down: readonly EncodingSpec[];
  readonly up: readonly EncodingSpec[];
  /** Running statistics: a variance must not become negative by a rounding. */
  readonly plain: readonly PlainKeys[];
  /** What will be refused; a client need not send it. */
  readonly normBound: number | null;
  readonly sampleCap: number;
  readonly privacy: ClientPrivacy;
  /**
   * Bytes that training takes on a device (`trainingBytes`); where all samples of a client are one batch, with one sample: what
   * its own take a client finds out itself.
   */
  readonly memoryBytes: number;
}

/** The client's part of the algorithm. */
export interface LocalTraining {
  readonly epochs: number;
  /** null: all samples are one batch. */
  readonly batchSize: number | null;
  readonly learningRate: number;
  readonly momentum: number;
  /** FedProx: μ; 0: none. */
  readonly proximal: number;
  /** SCAFFOLD: the client keeps a control variate; the server's is sent with the values. */
  readonly correction: "none" | "scaffold";
  /**
   * What the loss of a contribution is measured at: the last epoch as it was trained, or the values that were received,
   * before any step (q-FedAvg weighs clients by it).
   */
  readonly lossAt: "training" | "received";
  /** Names of layers whose parameters stay with the client. */
  readonly personal: readonly string[];
  readonly seed: number;
}

export interface ClientPrivacy {
  /** Updates are clipped to this norm; null: they are not. It may change from round to round. */
  readonly clip: number | null;
  /** Local differential privacy: standard deviation of the noise that the client adds; 0: none. */
  readonly localNoise: number;
  /** Updates are masked: the aggregator learns their sum only; null: it sees each. */
  readonly secure: SecureTask | null;
  /** With noise of the client's own: what its contributions may come to. Absent: nothing is said of that. */
  readonly local?: LocalTerms | undefined;
}

export interface LocalTerms {
  /** At which ε is told. */
  readonly delta: number;
  /** ε that the contributions of one client may come to; null: any. */
  readonly budget: number | null;
}

/**
 * Whether something is promised of clients' privacy. Then clients say nothing of their data beside the update: no promise
 * would hold for how many samples they have, or what their loss is.
 */
export function isPrivate({ clip, localNoise, secure }: ClientPrivacy): boolean {
  return clip !== null || localNoise > 0 || secure !== null;
}

/** What a client says of its samples, steps and loss where it says nothing. */
export const unsaid = { samples: 1, steps: 1, loss: 0 } as const;

/** What a client needs to know of its own control variate. */
export interface ControlOffer {
  /** Controls of another epoch are forgotten: all begin at zero. */
  readonly epoch: number;
  /** Of the newest rounds, those whose contribution counts: its answer may have been lost. */
  readonly counted: readonly number[];
  /** Rounds whose contribution was taken and does not count after all: the change of the control is taken back. */
  readonly uncounted: readonly number[];
  /** Rounds after the first and up to the second number do not count: the run went back to a snapshot. */
  readonly undone: readonly (readonly [after: number, until: number])[];
  /** The run may go back to what was after these rounds: the client keeps what it had then. */
  readonly restorable: readonly number[];
}

/** A round that a client is asked to take part in. */
export interface RoundOffer {
  readonly round: number;
  readonly version: number;
  /** Durations from the arrival of this message: clocks are never compared. */
  readonly answerWithinMs: number;
  readonly reportWithinMs: number;
  /** Names of encodings of the task that both sides have. */
  readonly down: string;
  readonly up: string;
  readonly clip: number | null;
  /** With SCAFFOLD; null: without. */
  readonly control: ControlOffer | null;
  /** Measure these values on the client's test split, too. */
  readonly evaluates: boolean;
  /** W3C traceparent of the round, for the client's spans. */
  readonly traceparent: string | null;
}
