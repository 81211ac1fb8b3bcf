/**
 * The encoders of a client, a set for each slot whose contributions it has pushed: what is left unsent belongs to the slot, so
 * the number of workers changes no bit of a synchronous run, and a snapshot can hold it. Outside synchronous mode there is
 * one set, that of slot 0.
 *
 * Bounds  A set holds a vector of the model and as many payloads as pushes of its slot are under way; at most one set for
 *         each slot of the run.
 */
import { ShoalError } from "@shoal/errors";
import type { ConcreteEncodingSpec, EncoderSnapshot, EncodingLayout } from "@shoal/optimization";
import type { Placement } from "@shoal/protocol";
import type { ShardError } from "../saved/worker-state.ts";
import { matchErrors } from "./match-errors.ts";
import { createPushEncoders, type PushEncoders } from "./push-encoders.ts";
import type { ClientEncoding, UnsentErrors } from "./vector-coding.ts";

export interface SlotEncoders {
  /** Made when it is first asked for. A slot without one takes over what this worker has brought from an earlier life. */
  of(slot: number, spec: ConcreteEncodingSpec): PushEncoders;
  /** @param slot absent: of all slots */
  capture(slot?: number): UnsentErrors;
  /**
   * @param toSlot the slot that goes on with them now; absent: each slot with its own, or whichever is pushed first
   * @returns the encoding that they are of
   * @throws ShoalError snapshot_corrupt - they do not fit; nothing is changed then
   */
  restore(errors: readonly ShardError[], toSlot?: number): ConcreteEncodingSpec;
  /** Forgets what a slot has left unsent. */
  drop(slot: number): void;
  /** Adds what a slot has left unsent to what another one has. All pushes of the first are answered. */
  pass(slot: number, toSlot: number): void;
  readonly squaredError: number;
  dispose(): void;
}

export interface SlotEncodersOptions extends Pick<ClientEncoding, "push" | "kernels" | "memory"> {
  readonly placement: Placement;
  /** By position of the shard in the placement. */
  readonly layouts: readonly EncodingLayout[];
}

export function createSlotEncoders(options: SlotEncodersOptions): SlotEncoders {
  const used = new Map<number, PushEncoders>();
  /** From an earlier life of this worker: nothing of it is lost, whichever slots it is given now. */
  const brought = new Map<number, PushEncoders>();
  const all = (): [number, PushEncoders][] => [...used, ...brought];
  const adopt = (slot: number): PushEncoders | undefined => {
    const from = brought.has(slot) ? slot : brought.keys().next().value;
    if (from === undefined) return undefined;
    const encoders = brought.get(from);
    brought.delete(from);
    return encoders;
  };
  const drop = (slot: number): void => {
    used.get(slot)?.dispose();
    used.delete(slot);
  };
  return {
    drop,
    of(slot, spec) {
      const encoders = used.get(slot) ?? adopt(slot) ?? createPushEncoders({ ...options, spec });
      used.set(slot, encoders);
      return encoders;
    },
    capture(slot) {
      const meant = all().filter(([each]) => slot === undefined || each === slot);
      const { shards } = options.placement;
      const errors = meant.flatMap(([each, encoders]) =>
        encoders.capture().map((snapshot, index): ShardError => {
          const { begin = 0, end = 0 } = shards[index] ?? {};
          return { begin, end, slot: each, encoding: encoders.spec, snapshot };
        }),
      );
      return { errors, unanswered: meant.reduce((sum, [, { unanswered }]) => sum + unanswered, 0) };
    },
    restore(errors, toSlot) {
      const { spec, made } = makeSets(errors, options);
      for (const [slot, encoders] of made) {
        const [into, at] = toSlot === undefined ? [brought, slot] : [used, toSlot];
        into.get(at)?.dispose();
        into.set(at, encoders);
      }
      return spec;
    },
    pass(slot, toSlot) {
      const [from, to] = [used.get(slot), used.get(toSlot)];
      if (from === undefined || to === undefined || from === to) return;
      const unsent = from.capture();
      to.restore(to.capture().map((own, index) => withUnsent(own, unsent[index]?.residual)));
      drop(slot);
    },
    get squaredError() {
      return all().reduce((sum, [, { squaredError }]) => sum + squaredError, 0);
    },
    dispose() {
      for (const [, encoders] of all()) encoders.dispose();
      used.clear();
      brought.clear();
    },
  };
}

/** @param residual of another encoder of the same shard; null or absent: it keeps none */
function withUnsent(own: EncoderSnapshot, residual: Float32Array | null | undefined): EncoderSnapshot {
  if (own.residual === null || residual === null || residual === undefined) return own;
  return { ...own, residual: own.residual.map((value, index) => value + (residual[index] ?? 0)) };
}

/** All of them or none. */
function makeSets(
  errors: readonly ShardError[],
  options: SlotEncodersOptions,
): { readonly spec: ConcreteEncodingSpec; readonly made: ReadonlyMap<number, PushEncoders> } {
  const made = new Map<number, PushEncoders>();
  let spec: ConcreteEncodingSpec | undefined;
  try {
    for (const slot of new Set(errors.map((error) => error.slot))) {
      const own = errors.filter((error) => error.slot === slot);
      const found = matchErrors(own, options.placement.shards, options.push);
      if (typeof found === "string") throw unfit(found);
      spec = found;
      const encoders = createPushEncoders({ ...options, spec });
      made.set(slot, encoders);
      encoders.restore(own.map(({ snapshot }) => snapshot));
    }
    if (spec === undefined) throw unfit("there are none");
    return { spec, made };
  } catch (error) {
    for (const encoders of made.values()) encoders.dispose();
    throw error;
  }
}

export function unfit(sentence: string): ShoalError {
  return new ShoalError("snapshot_corrupt", `The saved errors of a worker do not fit: ${sentence}.`);
}
