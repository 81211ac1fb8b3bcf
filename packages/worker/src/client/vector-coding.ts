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
import { createPushEncoders, type PushEncoders } from "./push-encoders.ts";
import type { ShardError } from "../saved/worker-state.ts";
import { createPulledParts, type PulledParts } from "./pulled-values.ts";
import { matchErrors } from "./match-errors.ts";
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
  readonly answered: (reply: PushReply, isFirst: boolean) => void;
}

export interface VectorCoding {
  /** @throws ShoalError not_finite, out_of_memory */
  encode(index: number, request: PushRequest): CodedPush;
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
  /** What encodings have left unsent: to be saved between two steps. A copy. */
  captureErrors(): UnsentErrors;
  /**
   * Continues from what a client of this worker captured; before the first push.
   * @throws ShoalError snapshot_corrupt - it does not fit; nothing is changed then
   */
  restoreErrors(errors: readonly ShardError[]): void;
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
  let encoders: PushEncoders | undefined;
  const pulled = createPulledParts(
    placement.shards.length,
    encoding === undefined ? undefined : { ...encoding, spec: encoding.pull, layouts },
  );
  const encodersNow = (): PushEncoders | undefined => {
    if (spec === undefined && automatic !== undefined) ({ spec, reason } = automatic.decide() ?? { spec, reason });
    if (encoding === undefined || spec === undefined || spec.name === "float32") return undefined;
    const { kernels, memory } = encoding;
    return (encoders ??= createPushEncoders({ spec, layouts, kernels, memory }));
  };
  return {
    pulled,
    encode(index, request) {
      const bytesBefore = request.gradient.byteLength;
      const coded = request.samples === 0 ? undefined : encodersNow();
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
      captureErrors: () => captureFrom(encoders, spec, placement),
      restoreErrors(errors) {
        if (encoding === undefined) throw unfit("the run encodes nothing");
        const restored = restoreInto(errors, placement, layouts, encoding);
        encoders?.dispose();
        ({ spec, encoders } = restored);
        if (automatic !== undefined) reason = `${spec.name}: chosen before this worker left`;
      },
      unsentNorm: () => Math.sqrt(encoders?.squaredError ?? 0),
    },
    dispose() {
      encoders?.dispose();
      pulled.dispose();
    },
  };
}

function captureFrom(
  encoders: PushEncoders | undefined,
  encoding: ConcreteEncodingSpec | undefined,
  { shards }: Placement,
): UnsentErrors {
  if (encoders === undefined || encoding === undefined) return { errors: [], unanswered: 0 };
  const errors = encoders.capture().map((snapshot, index): ShardError => {
    const { begin = 0, end = 0 } = shards[index] ?? {};
    return { begin, end, encoding, snapshot };
  });
  return { errors, unanswered: encoders.unanswered };
}

function restoreInto(
  errors: readonly ShardError[],
  { shards }: Placement,
  layouts: readonly EncodingLayout[],
  { push, kernels, memory }: ClientEncoding,
): { readonly spec: ConcreteEncodingSpec; readonly encoders: PushEncoders } {
  const spec = matchErrors(errors, shards, push);
  if (typeof spec === "string") throw unfit(spec);
  const encoders = createPushEncoders({ spec, layouts, kernels, memory });
  try {
    encoders.restore(errors.map(({ snapshot }) => snapshot));
    return { spec, encoders };
  } catch (error) {
    encoders.dispose();
    throw error;
  }
}

function unfit(sentence: string): ShoalError {
  return new ShoalError("snapshot_corrupt", `The saved errors of a worker do not fit: ${sentence}.`);
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
