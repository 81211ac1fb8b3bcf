/** What a session asks of whatever trains: on this thread, or in a worker of the page. */
import type { LocalTraining, TaskDescription } from "@shoal/federated";

export interface LocalWork {
  /** [size] float32, the values of the round; borrowed until the call settles. */
  readonly values: Float32Array;
  readonly round: number;
  readonly local: LocalTraining;
  /** Updates are clipped to this norm; null: they are not. */
  readonly clip: number | null;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: { readonly epoch: number; readonly loss: number }) => void) | undefined;
}

export interface LocalResult {
  /** [size] float32: trained minus received values; the caller's to keep. */
  readonly update: Float32Array;
  readonly samples: number;
  /** Local steps that made it. */
  readonly steps: number;
  /** Mean loss of the last epoch. */
  readonly loss: number;
}

export interface LocalTrainer {
  readonly samples: number;
  readonly testSamples: number;
  /**
   * @throws ShoalError cancelled - by the signal; not_finite - the training diverged; out_of_memory, invalid_argument - the
   * task does not fit the device or the data
   */
  train(task: TaskDescription, work: LocalWork): Promise<LocalResult>;
  /** Measures values on the client's own test data; null where there are none. @param values - [size], borrowed */
  evaluate(
    task: TaskDescription,
    values: Float32Array,
  ): Promise<{ readonly samples: number; readonly loss: number; readonly accuracy: number } | null>;
  close(): Promise<void>;
}

/** Vectors to bytes and back, by the names that client and task agree on. */
export interface UpdateCodec {
  /** Names of all encodings that this client has. */
  readonly encodings: readonly string[];
  /** @throws ShoalError codec_failed */
  decode(encoding: string, content: Uint8Array, size: number): Float32Array;
  /** With what earlier updates of this client left over, where the encoding is lossy. @param update - borrowed */
  encode(encoding: string, update: Float32Array, round: number): Uint8Array;
}
