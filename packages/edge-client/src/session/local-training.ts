/** What a session asks of whatever trains: on this thread, or in a worker of the page. */
import type { EncodingSpec, LocalTraining, PlainKeys, TaskDescription } from "@shoal/federated";

/** Values of a round, and of the layers that stay with this client. */
export interface LocalValues {
  /** [size] float32, the values of the round; borrowed until the call settles. */
  readonly values: Float32Array;
  /** [wholeSize] float32 that the last round left, where layers stay here; borrowed. null: there was none. */
  readonly personal: Float32Array | null;
}

/** SCAFFOLD: what corrects each step, g ← g − own + global. Both [size] float32, borrowed. */
export interface LocalControl {
  readonly own: Float32Array;
  readonly global: Float32Array;
}

export interface LocalWork extends LocalValues {
  readonly round: number;
  /** What the order of samples follows from: the same if these values are trained on again. */
  readonly draw: number;
  readonly local: LocalTraining;
  /** Updates are clipped to this norm; null: to that of the task, if it has one. */
  readonly clip: number | null;
  /** Left out where the task has none. */
  readonly control?: LocalControl | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: { readonly epoch: number; readonly loss: number }) => void) | undefined;
}

export interface LocalResult {
  /** [size] float32: trained minus received values; the caller's to keep. */
  readonly update: Float32Array;
  /** [wholeSize] float32 with what the layers that stay here have come to; null where none do. */
  readonly personal: Float32Array | null;
  /** [size] float32 Δcₖ, which moves the client's control; the caller's to keep. Where the task has controls. */
  readonly controlChange?: Float32Array | undefined;
  readonly samples: number;
  /** Local steps that made it. */
  readonly steps: number;
  /** Mean loss over the samples: of the last epoch, or at the received values (`LocalTraining.lossAt`). */
  readonly loss: number;
}

export interface LocalMeasurement {
  readonly samples: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface LocalTrainer {
  readonly samples: number;
  readonly testSamples: number;
  /**
   * @throws ShoalError cancelled - by the signal; not_finite - the training diverged; out_of_memory, invalid_argument - the
   * task does not fit the device or the data
   */
  train(task: TaskDescription, work: LocalWork): Promise<LocalResult>;
  /** Measures values on the client's own test data; null where there are none. */
  evaluate(task: TaskDescription, own: LocalValues): Promise<LocalMeasurement | null>;
  close(): Promise<void>;
}

export interface EncodedUpdate {
  readonly content: Uint8Array;
  /** [size] float32 that `content` lacks, for the next update; undefined where the encoding is exact. */
  readonly leftOver: Float32Array | undefined;
}

/** What the task says of its encoding; a name alone: with its defaults. */
export type VectorEncoding = EncodingSpec | string;

export interface EncodingOptions {
  /** Chooses what random encodings send. */
  readonly draw: number;
  /** Is added to the update; borrowed. */
  readonly leftOver: Float32Array | undefined;
  readonly plain?: readonly PlainKeys[];
}

/** Vectors to bytes and back, in the encodings that client and task agree on. */
export interface UpdateCodec {
  /** Names of all encodings that this client has. */
  readonly encodings: readonly string[];
  /** @throws ShoalError codec_failed; invalid_argument - for an encoding with options that make no sense */
  decode(
    encoding: VectorEncoding,
    content: Uint8Array,
    size: number,
    plain?: readonly PlainKeys[],
  ): Promise<Float32Array>;
  /**
   * @param update - [size] float32, borrowed
   * @throws ShoalError not_finite; invalid_argument
   */
  encode(encoding: VectorEncoding, update: Float32Array, options: EncodingOptions): Promise<EncodedUpdate>;
}
