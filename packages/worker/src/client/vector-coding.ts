/**
 * How a client's vectors are written on their way: as they are, or in the run's encodings.
 *
 * `auto` pushes float32 until every shard has answered `observed` pushes, then decides once, by the fastest exchange (the
 * others also waited for other workers) and the median time of computing.
 */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import {
  chooseEncoding,
  type ConcreteEncodingSpec,
  type EncodingLayout,
  type ResolvedEncodingSpec,
} from "@shoal/optimization";
import { sizeOf, type Placement, type PushReply, type PushRequest } from "@shoal/protocol";
import type { PushEncoders } from "./push-encoders.ts";
import type { ShardError } from "../saved/worker-state.ts";
import { createPulledParts, type PulledParts } from "./pulled-values.ts";
import { createSlotEncoders, unfit } from "./slot-encoders.ts";
import type { Moved } from "./traffic.ts";

/** The encodings of a run, and where they compute. */
export interface ClientEncoding {
  readonly push: ResolvedEncodingSpec;
  readonly pull: ConcreteEncodingSpec;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

/** A push as it leaves. */
export interface CodedPush {
  readonly request: PushRequest;
  readonly moved: Moved;
  /** Why this encoding, where that was decided here. */
  readonly reason: string | undefined;
  /** See `EncodedPush`. */
  readonly answered: (reply: PushReply) => void;
}

export interface VectorCoding {
  /** @param slot whose error feedback goes with it @throws ShoalError not_finite, out_of_memory */
  encode(index: number, request: PushRequest, slot?: number): CodedPush;
  readonly pulled: PulledParts;
  /** What an answered push took. */
  observe(index: number, bytes: number, elapsedMs: number, computeMs: number): void;
  readonly errors: KeptErrors;
  dispose(): void;
}

/** See `WorkerState`. */
export interface UnsentErrors {
  readonly errors: readonly ShardError[];
  readonly unanswered: number;
}

export interface KeptErrors {
  /** What encodings have left unsent: to be saved between two steps. A copy. @param slot absent: of all slots */
  captureErrors(slot?: number): UnsentErrors;
  /**
   * Continues from what a client captured; before the first push, of the slot where one is named.
   * @param toSlot the slot that goes on with them; absent: this worker has brought them from an earlier life
   * @throws ShoalError snapshot_corrupt - it does not fit; nothing is changed then
   */
  restoreErrors(errors: readonly ShardError[], toSlot?: number): void;
  /** Forgets what the slot has left unsent: another worker goes on with it. Between two steps. */
  dropErrors(slot: number): void;
  /** What one slot has left unsent goes out with another one of this worker. All pushes of the first are answered. */
  passErrors(slot: number, toSlot: number): void;
  /** Norm of what is left unsent, as it was after the newest pushes. */
  unsentNorm(): number;
}

/** Pushes to each shard that `auto` looks at before it decides. */
export const observed = 8;

const ignore = (): void => undefined;

/** @param encoding undefined: float32 both ways */
export function createVectorCoding(placement: Placement, encoding: ClientEncoding | undefined): VectorCoding {
  const layouts = placement.shards.map(layoutOf);
  const automatic = encoding?.push.name === "auto" ? createObservation(layouts) : undefined;
  let spec = encoding === undefined || encoding.push.name === "auto" ? undefined : encoding.push;
  let reason: string | undefined;
  const slots = encoding && createSlotEncoders({ ...encoding, placement, layouts });
  const pulled = createPulledParts(
    placement.shards.length,
    encoding === undefined ? undefined : { ...encoding, spec: encoding.pull, layouts },
  );
  const encodersNow = (slot: number): PushEncoders | undefined => {
    if (spec === undefined && automatic !== undefined) ({ spec, reason } = automatic.decide() ?? { spec, reason });
    return spec === undefined || spec.name === "float32" ? undefined : slots?.of(slot, spec);
  };
  return {
    pulled,
    encode(index, request, slot = 0) {
      const bytesBefore = request.gradient.byteLength;
      const coded = request.samples === 0 ? undefined : encodersNow(slot);
      if (coded === undefined) {
        const moved = { direction: "push", encoding: "float32", bytesBefore, bytesAfter: bytesBefore } as const;
        return { request, moved, reason, answered: ignore };
      }
      const draw = request.batch ?? request.sequence;
      const { encoding: name, payload, relativeError, answered } = coded.encode(index, request.gradient, draw);
      const moved = {
        direction: "push",
        encoding: name,
        bytesBefore,
        bytesAfter: payload.byteLength,
        relativeError,
      } as const;
      return { request: { ...request, encoding: name, gradient: payload }, moved, reason, answered };
    },
    observe: (...measured) => automatic?.observe(...measured),
    errors: {
      captureErrors: (slot) => slots?.capture(slot) ?? { errors: [], unanswered: 0 },
      restoreErrors(errors, toSlot) {
        if (slots === undefined) throw unfit("the run encodes nothing");
        spec = slots.restore(errors, toSlot);
        if (automatic !== undefined) reason = `${spec.name}: chosen before, by this worker or another`;
      },
      dropErrors: (slot) => slots?.drop(slot),
      passErrors: (slot, toSlot) => slots?.pass(slot, toSlot),
      unsentNorm: () => Math.sqrt(slots?.squaredError ?? 0),
    },
    dispose() {
      slots?.dispose();
      pulled.dispose();
    },
  };
}

function layoutOf(shard: Placement["shards"][number]): EncodingLayout {
  const { matrices = [], plain = [] } = shard.encoding ?? {};
  return {
    size: sizeOf(shard),
    matrices: matrices.map(([offset, rows, columns]) => ({ offset, rows, columns })),
    plain: plain.map(([begin, end]) => ({ begin, end })),
  };
}

function createObservation(layouts: readonly EncodingLayout[]) {
  const answers = layouts.map(() => 0);
  const computing: number[] = [];
  let bytesPerSecond = 0;
  return {
    observe(index: number, bytes: number, elapsedMs: number, computeMs: number): void {
      answers[index] = (answers[index] ?? 0) + 1;
      if (computing.length < observed) computing.push(computeMs);
      // What takes no time that the clock can tell is no burden.
      bytesPerSecond = Math.max(bytesPerSecond, (1000 * bytes) / Math.max(elapsedMs, 0.001));
    },
    /** @returns undefined while too little is known */
    decide(): { readonly spec: ConcreteEncodingSpec; readonly reason: string } | undefined {
      if (answers.some((count) => count < observed)) return undefined;
      const median = computing.toSorted((a, b) => a - b)[Math.floor(computing.length / 2)];
      if (median === undefined) throw new ShoalError("internal", "pushes were answered that nobody computed");
      return chooseEncoding({ layouts, bytesPerSecond, computeSeconds: median / 1000 });
    },
  };
}
