/**
 * The worker's vectors in kernel memory: two for parameters, so that the next are pulled while the current are used, and
 * gradients, so that one is computed while others are on their way.
 *
 * Bounds  Two parameter vectors; as many gradients as the loop has on their way at once, at most `maximumGradients`; with
 *         local updates a replica for each slot that this worker has computed.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Offset, Region } from "@shoal/kernels-wasm";

/** One vector. `values` is a view of it. */
export interface VectorBuffer {
  readonly offset: Offset;
  readonly values: Float32Array;
}

export interface TrainingBuffers {
  readonly parameters: readonly [VectorBuffer, VectorBuffer];
  /** A gradient that nobody uses; allocated when all are in use. @throws ShoalError out_of_memory */
  takeGradient(): VectorBuffer;
  /** Gives a taken gradient back. */
  returnGradient(gradient: VectorBuffer): void;
  /** Memory of the replica that computes a slot, the same for each call; undefined without local updates. Zeroed. */
  replica(slot: number): Region | undefined;
  /** A copy of a replica's bytes, between two rounds; undefined where it has none. */
  captureReplica(slot: number): Float32Array | undefined;
  /**
   * Gives a replica what another one of its slot was, between two rounds. @param bytes borrowed
   * @throws ShoalError snapshot_corrupt - it is of another length
   */
  restoreReplica(slot: number, bytes: Float32Array): void;
  /** A replica begins afresh: another worker goes on with it. Between two rounds. */
  dropReplica(slot: number): void;
  /** Frees everything; nobody may use any of it any more. Idempotent. */
  free(): void;
}

/**
 * @param maximumGradients gradients that may be in use at once
 * @param replicaBytes with local updates: memory of a replica; 0: there are none
 * @throws ShoalError out_of_memory
 */
export function createTrainingBuffers(
  memory: KernelMemory,
  size: number,
  maximumGradients: number,
  replicaBytes = 0,
): TrainingBuffers {
  const regions: Region[] = [];
  const allocate = (): VectorBuffer => {
    const region = memory.allocate(size * Float32Array.BYTES_PER_ELEMENT);
    regions.push(region);
    return { offset: region.byteOffset, values: memory.floats(region.byteOffset, size) };
  };
  const idle: VectorBuffer[] = [];
  let gradients = 0;
  const { free: freeReplicas, ...replicas } = createReplicas(memory, replicaBytes);
  const parameters = [allocate(), allocate()] as const;
  return {
    parameters,
    takeGradient() {
      const found = idle.pop();
      if (found !== undefined) return found;
      if (gradients === maximumGradients) {
        throw new ShoalError("internal", `all ${maximumGradients} gradients are in use`, { maximumGradients });
      }
      gradients += 1;
      return allocate();
    },
    returnGradient(gradient) {
      idle.push(gradient);
    },
    ...replicas,
    free() {
      freeReplicas();
      for (const region of regions.splice(0)) memory.free(region);
    },
  };
}

type Replicas = Pick<TrainingBuffers, "replica" | "captureReplica" | "restoreReplica" | "dropReplica" | "free">;

function createReplicas(memory: KernelMemory, replicaBytes: number): Replicas {
  const replicas = new Map<number, Region>();
  const view = ({ byteOffset }: Region): Float32Array => memory.floats(byteOffset, replicaBytes / 4);
  const obtain = (slot: number): Region | undefined => {
    if (replicaBytes === 0) return undefined;
    const region = replicas.get(slot) ?? memory.allocate(replicaBytes);
    replicas.set(slot, region);
    return region;
  };
  return {
    replica: obtain,
    captureReplica(slot) {
      const region = replicas.get(slot);
      return region && new Float32Array(view(region));
    },
    restoreReplica(slot, bytes) {
      const region = obtain(slot);
      if (region === undefined || bytes.byteLength !== replicaBytes) {
        const sentence = `the replica of slot ${slot} has ${bytes.byteLength} bytes, not ${replicaBytes}`;
        throw new ShoalError("snapshot_corrupt", sentence, { slot });
      }
      view(region).set(bytes);
    },
    dropReplica(slot) {
      const region = replicas.get(slot);
      if (region !== undefined) view(region).fill(0);
    },
    free() {
      for (const region of replicas.values()) memory.free(region);
      replicas.clear();
    },
  };
}
