/**
 * Local updates: several steps of an inner optimiser on parameters of the worker's own, then what is pushed.
 *
 *   local_sgd, geo_sgd, diloco   θ ← pulled; each batch: θ ← inner(θ, ∇(θ)); pushed: pulled − θ
 *   fedasync                     the same; pushed: θ
 *   easgd                        x is kept between rounds. d = elasticity·(pulled − x); the first gradient is taken at x,
 *                                then x ← x + d, and x ← inner(x, ∇) for it and each later batch; pushed: d
 *
 * With fragments (streaming DiLoCo) θ is kept too: where values are new, those of the fragment that was exchanged last, θ
 * becomes pulled + mixing·(θ − pulled), `delay` steps into the round; what is pushed is pulled − θ as before, of the
 * fragment whose turn it is.
 *
 * Each slot is a replica of its own: its inner optimiser, and x, go on from its last round on this worker. So the result
 * does not depend on how slots are dealt to workers as long as they stay where they are.
 *
 * A replica is all in its region, behind a header of its round and its optimiser's steps: a copy of the region, put where
 * another worker's replica of the slot has not begun, goes on with the same bits.
 *
 * Bounds   `replicaBytes` for each slot that this worker has ever computed, at most the run's slots.
 * Sources  Zhang, Choromańska, LeCun 2015 (arXiv 1412.6651, algorithm 1); Douillard et al. 2023 (arXiv 2311.08105),
 *          2025 (streaming, arXiv 2501.18512).
 */
import type { KernelMemory, Kernels, Offset, Region } from "@shoal/kernels-wasm";
import {
  baseLearningRateOf,
  createOptimizer,
  learningRateAt,
  slotVectors,
  type Optimizer,
  type ResolvedOptimizerSpec,
  type ScheduleSpec,
  type UpdateRange,
} from "@shoal/optimization";
import { fragmentsOf, localSteps, sizeOf, type KeyRange, type LocalCommunication } from "@shoal/protocol";

/** How a worker updates its own parameters; plain data. */
export interface LocalPlan {
  readonly communication: LocalCommunication;
  readonly optimizer: ResolvedOptimizerSpec;
  readonly schedule: ScheduleSpec;
  /** Of the whole vector. */
  readonly ranges: readonly UpdateRange[];
  /** Samples of one step. */
  readonly batchSize: number;
  /** Keys of each fragment; one, of all keys, where all are exchanged at once. */
  readonly fragments: readonly KeyRange[];
}

/** Which replica a contribution is computed by. */
export interface ReplicaWork {
  readonly slot: number;
  /** Rounds before this one, by the plan: where the schedule stands. */
  readonly round: number;
  /** Memory of the replica, the same for each of its rounds; of `replicaBytes`. */
  readonly region: Region;
}

/** One round, with the vectors of the whole model. */
export interface Round {
  /** Borrowed; all there once `arrive` has returned. */
  readonly pulled: Offset;
  readonly arrive: () => void;
  /** Overwritten with what is pushed. */
  readonly out: Offset;
  readonly batches: number;
  /** Computes the gradient of the n-th batch of the round at `parameters` into `out`. */
  readonly gradient: (batch: number, parameters: Offset) => void;
}

const alignment = 64;

/** Round + 1 (0: it has not begun), optimiser steps; uint32 each. */
const headerBytes = alignment;

function strideOf(size: number): number {
  return Math.ceil((size * Float32Array.BYTES_PER_ELEMENT) / alignment) * alignment;
}

/** Vectors of a replica beside its optimiser's: its parameters and, with easgd, what it pushes. */
function ownVectors({ name }: LocalCommunication): number {
  return name === "easgd" ? 2 : 1;
}

/** Bytes of one replica. */
export function replicaBytes(plan: Pick<LocalPlan, "communication" | "optimizer">, size: number): number {
  return headerBytes + strideOf(size) * (ownVectors(plan.communication) + slotVectors(plan.optimizer));
}

interface Replica {
  readonly header: Offset;
  readonly own: Offset;
  readonly pushed: Offset;
  readonly optimizer: Optimizer;
  /** Its newest round. */
  round: number;
}

/** @returns a function that computes a round of a replica */
export function createLocalUpdates(
  plan: LocalPlan,
  site: { readonly size: number; readonly kernels: Kernels; readonly memory: WebAssembly.Memory },
): (work: ReplicaWork, round: Round) => void {
  const { communication, schedule } = plan;
  const { size, kernels } = site;
  const rate = baseLearningRateOf(plan.optimizer);
  const steps = localSteps(communication);
  const replicas = new Map<number, Replica>();

  const obtain = ({ slot, region }: ReplicaWork): Replica => {
    const replica = replicas.get(slot) ?? createReplica(plan, site, region);
    replicas.set(slot, replica);
    // Its region may have been another worker's meanwhile.
    return goOn(replica, site.memory);
  };
  const note = (replica: Replica, round: number): void => {
    replica.round = round;
    headerOf(replica, site.memory).set([round + 1, replica.optimizer.stepCount]);
  };
  return (work, { pulled, arrive, out, batches, gradient }) => {
    const replica = obtain(work);
    const { own, pushed, optimizer } = replica;
    const merging = mergeAt(plan, replica, work.round);
    const merge = (): void => {
      arrive();
      if (merging.from === undefined) kernels.copy(pulled, own, size);
      else mix(kernels, pulled, own, merging.from, merging.keep);
    };
    // A round that ends before its values are there has gone on from the wrong ones: the next begins afresh.
    if (merging.step > 0) note(replica, -1);
    for (let batch = 0; batch < batches; batch += 1) {
      if (batch === merging.step) merge();
      gradient(batch, own);
      if (batch === 0 && communication.name === "easgd") {
        differ(kernels, pulled, own, pushed, size);
        kernels.scale(pushed, size, communication.elasticity);
        kernels.axpy(pushed, own, size, 1);
      }
      optimizer.step(own, out, learningRateAt(schedule, rate, work.round * steps + batch));
    }
    if (merging.step >= batches) merge();
    note(replica, work.round);
    if (communication.name === "easgd") kernels.copy(pushed, out, size);
    else if (communication.name === "fedasync") kernels.copy(own, out, size);
    else differ(kernels, pulled, own, out, size);
  };
}

function headerOf({ header }: Replica, { buffer }: WebAssembly.Memory): Uint32Array {
  return new Uint32Array(buffer, header, 2);
}

/** Takes up what its region says of earlier rounds. */
function goOn(replica: Replica, memory: WebAssembly.Memory): Replica {
  const [begun = 0, stepCount = 0] = headerOf(replica, memory);
  replica.round = begun - 1;
  const { optimizer } = replica;
  if (stepCount !== optimizer.stepCount) optimizer.restore({ ...optimizer.snapshot(), stepCount });
  return replica;
}

interface Merging {
  /** Steps into the round. */
  readonly step: number;
  /** Keys whose pulled values are new; undefined: the replica begins from all that was pulled. */
  readonly from: KeyRange | undefined;
  /** Share of its distance from them that it keeps. */
  readonly keep: number;
}

/** What a replica takes over from what was pulled, and when. One that has missed a round begins afresh. */
function mergeAt({ communication, fragments }: LocalPlan, replica: Replica, round: number): Merging {
  const afresh = { step: 0, from: undefined, keep: 0 };
  if (communication.name === "easgd") {
    return replica.round < 0 ? afresh : { step: 0, from: { begin: 0, end: 0 }, keep: 0 };
  }
  if (communication.name !== "diloco" || replica.round < 0 || replica.round !== round - 1) return afresh;
  const from = fragments[replica.round % fragmentsOf(communication)];
  return { step: communication.delay, from, keep: communication.mixing };
}

/** own = pulled + keep·(own − pulled), within a range. */
function mix(kernels: Kernels, pulled: Offset, own: Offset, range: KeyRange, keep: number): void {
  const at = range.begin * Float32Array.BYTES_PER_ELEMENT;
  if (keep === 0) {
    kernels.copy(pulled + at, own + at, sizeOf(range));
    return;
  }
  kernels.scale(own + at, sizeOf(range), keep);
  kernels.axpy(pulled + at, own + at, sizeOf(range), 1 - keep);
}

/** out = a − b. */
function differ(kernels: Kernels, a: Offset, b: Offset, out: Offset, size: number): void {
  kernels.copy(a, out, size);
  kernels.axpy(b, out, size, -1);
}

function createReplica(
  { communication, optimizer: spec, ranges }: LocalPlan,
  { size, kernels, memory }: { readonly size: number; readonly kernels: Kernels; readonly memory: WebAssembly.Memory },
  region: Region,
): Replica {
  const stride = strideOf(size);
  const vectors = ownVectors(communication);
  const header = region.byteOffset;
  const own = header + headerBytes;
  const taken = headerBytes + vectors * stride;
  const behind = { byteOffset: header + taken, byteLength: region.byteLength - taken };
  const optimizer = createOptimizer(spec, { size, kernels, memory: sliceMemory(memory, behind), ranges });
  return { header, own, pushed: own + (vectors - 1) * stride, optimizer, round: -1 };
}

/** The optimiser's view of its part of a region that the worker's own thread has allocated, zeroed. */
function sliceMemory(memory: WebAssembly.Memory, region: Region): Pick<KernelMemory, "allocate" | "floats" | "free"> {
  return {
    allocate(byteLength) {
      if (byteLength > region.byteLength) {
        throw new RangeError(`an optimiser takes ${byteLength} bytes, a replica has ${region.byteLength} for it`);
      }
      return { byteOffset: region.byteOffset, byteLength };
    },
    free: () => undefined,
    floats: (byteOffset, count) => new Float32Array(memory.buffer, byteOffset, count),
  };
}
