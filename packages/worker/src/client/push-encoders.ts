/**
 * Encodes what a client pushes: for each shard an encoder, which keeps the unsent error, and the bytes of the pushes
 * that are under way.
 *
 * Bounds      As many payloads as pushes are under way at once; they are used again, and freed by `dispose`.
 * Invariant   A payload is written once and repeated as it is. It is used again only after its push was answered: a shard
 *             of this process may still read that of a push which failed.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels, Region } from "@shoal/kernels-wasm";
import {
  createEncoder,
  type ConcreteEncodingSpec,
  type Encoder,
  type EncoderSnapshot,
  type EncodingLayout,
} from "@shoal/optimization";
import type { PushReply } from "@shoal/protocol";

export interface EncodedPush {
  readonly encoding: string;
  readonly payload: Float32Array;
  /** ‖error‖ / ‖vector‖. */
  readonly relativeError: number;
  /**
   * The push was answered. What is never applied of it goes back: its batch is computed again or was brought by somebody
   * else, so the gradient is forgotten, and what earlier ones had left over is kept.
   */
  readonly answered: (reply: PushReply) => void;
}

export interface PushEncoders {
  readonly spec: ConcreteEncodingSpec;
  /**
   * @param gradient the shard's part, in kernel memory; borrowed until `answered`
   * @param draw number of the batch, or of the push
   * @throws ShoalError not_finite, out_of_memory
   */
  encode(index: number, gradient: Float32Array, draw: number): EncodedPush;
  /** Pushes that have not been answered: under way, or given up. */
  readonly unanswered: number;
  /** ‖unsent error‖² of all shards, as it was after the newest push of each. */
  readonly squaredError: number;
  /** By position of the shard. */
  capture(): readonly EncoderSnapshot[];
  /** Continues from what was captured. @throws ShoalError snapshot_corrupt - some shards may have been restored then */
  restore(snapshots: readonly EncoderSnapshot[]): void;
  dispose(): void;
}

export interface PushEncodersOptions {
  readonly spec: ConcreteEncodingSpec;
  /** By position of the shard in the placement. */
  readonly layouts: readonly EncodingLayout[];
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

/** @throws ShoalError out_of_memory - nothing is taken then */
export function createPushEncoders({ spec, layouts, kernels, memory }: PushEncodersOptions): PushEncoders {
  const encoders: Encoder[] = [];
  const regions = new Set<Region>();
  const idle = layouts.map((): Region[] => []);
  const dispose = (): void => {
    for (const encoder of encoders.splice(0)) encoder.dispose();
    for (const region of regions) memory.free(region);
    regions.clear();
  };
  try {
    for (const layout of layouts) encoders.push(createEncoder(spec, { ...layout, kernels, memory }));
  } catch (error) {
    dispose();
    throw error;
  }
  let unanswered = 0;
  const squaredErrors = encoders.map(() => 0);
  const take = (index: number, bytes: number): Region => {
    const region = idle[index]?.pop() ?? memory.allocate(bytes);
    regions.add(region);
    return region;
  };
  return {
    spec,
    encode(index, gradient, draw) {
      const encoder = encoders[index];
      const vector = memory.offsetOf(gradient);
      if (encoder === undefined || vector === undefined) {
        throw new ShoalError("internal", `a gradient for shard ${index} of ${encoders.length} is not in kernel memory`);
      }
      const region = take(index, encoder.bytes);
      const { squaredError, squaredNorm } = encoder.encode(vector, region.byteOffset, draw);
      unanswered += 1;
      squaredErrors[index] = encoder.residualSquaredNorm();
      return {
        encoding: spec.name,
        payload: memory.floats(region.byteOffset, encoder.bytes / 4),
        relativeError: squaredNorm === 0 ? 0 : Math.sqrt(squaredError / squaredNorm),
        answered(reply) {
          unanswered -= 1;
          if (isUnused(reply)) encoder.giveBack(region.byteOffset, vector);
          idle[index]?.push(region);
        },
      };
    },
    get unanswered() {
      return unanswered;
    },
    get squaredError() {
      return squaredErrors.reduce((sum, squared) => sum + squared, 0);
    },
    capture: () => encoders.map((encoder) => encoder.snapshot()),
    restore: (snapshots) => restoreAll(encoders, snapshots, squaredErrors),
    dispose,
  };
}

function restoreAll(encoders: readonly Encoder[], from: readonly EncoderSnapshot[], squaredErrors: number[]): void {
  for (const [index, encoder] of encoders.entries()) {
    const snapshot = from[index];
    if (snapshot !== undefined) encoder.restore(snapshot);
    squaredErrors[index] = encoder.residualSquaredNorm();
  }
}

/** Whether another attempt of it was applied before cannot be told of a sequence number that was answered already. */
export function isUnused(reply: PushReply): boolean {
  return reply.type === "push_rejected" || (reply.type === "push_duplicate" && reply.of === "batch");
}
