/**
 * What each worker has been given, so that values which it has are not sent again: a lossy encoding of pulls sends the
 * difference to them.
 *
 *   d = values − s;  send C(d);  s ← s + decoded C(d)
 *
 * s, the worker's shadow, is what the worker has once it has followed the reply. What C loses stays in the next
 * difference: the error feeds back by itself.
 *
 * Invariants
 *   G1  A difference or "unchanged" goes to a worker only that says with its stamp that it has followed the reply before;
 *       each reply of values has a stamp of its own. To anybody else the values go whole.
 *   G2  Both ends add the same decoded bytes in the same order: what a worker has is its shadow, bit for bit.
 *   G3  Stamps of two lives of a shard differ, where each begins at a random one: a worker that has not heard of the move yet
 *       may say what it had of the life before.
 * Bounds  With a lossy encoding of pulls: one vector for each worker of the run, one for the difference, one for the encoded
 *         bytes. Vectors of workers that leave go back. At most `maximumRecords` workers.
 */
import type { Region } from "@shoal/kernels-wasm";
import { createDecoder, createEncoder, type EncodingSite, type ResolvedEncodingSpec } from "@shoal/optimization";
import type { LinkIdentity, PullForm } from "@shoal/protocol";

/** What is sent to a worker. */
export interface Given {
  readonly stamp: number;
  /** Undefined: the values as they are. */
  readonly form: PullForm | undefined;
  /** View of the encoded difference, overwritten by the next call. */
  readonly difference: Float32Array | undefined;
  /** Byte offset of what the worker has once it has followed: the values, or its shadow (G2). Overwritten by the next call. */
  readonly held: number;
}

export interface GivenValues {
  /** Elements of float32 that an encoded difference takes; 0 without one. */
  readonly differenceWords: number;
  /**
   * Decides how this worker is given the values, and writes down that it was.
   * @param values byte offset of the values, borrowed
   * @param changedAt version in which they changed last
   * @throws ShoalError out_of_memory, not_finite
   */
  give(to: LinkIdentity, have: number, version: number, changedAt: number, values: number): Given;
  /** Forgets workers that are not listed. */
  retain(isListed: (worker: number) => boolean): void;
  /** Forgets everybody: the values are others now. */
  forget(): void;
  readonly bytes: number;
  dispose(): void;
}

interface Record {
  incarnation: number;
  stamp: number;
  version: number;
  shadow: Region | undefined;
}

/** Workers of whom a shard remembers what they have; to one more the values go whole, with nobody's stamp. */
const maximumRecords = 4096;

/** Stamps are 32 bit on the wire; 0 is nobody's. */
const stampLimit = 0xffff_ffff;

/** @param firstStamp - stamps begin after it (G3) @throws ShoalError out_of_memory - nothing is taken then */
export function createGivenValues(spec: ResolvedEncodingSpec, site: EncodingSite, firstStamp = 0): GivenValues {
  const records = new Map<number, Record>();
  const differences = spec.name === "float32" || spec.name === "auto" ? undefined : createDifferences(spec, site);
  const { memory, kernels, size } = site;
  let stamps = firstStamp % stampLimit; // G3

  const remove = (worker: number): void => {
    const shadow = records.get(worker)?.shadow;
    records.delete(worker);
    if (shadow !== undefined) memory.free(shadow);
  };
  const enter = ({ worker, incarnation }: LinkIdentity, version: number): Record => {
    stamps = (stamps % stampLimit) + 1;
    const found = records.get(worker);
    const record: Record = found ?? { incarnation, stamp: 0, version, shadow: undefined };
    records.set(worker, Object.assign(record, { incarnation, stamp: stamps, version }));
    return record;
  };
  const giveWhole = (to: LinkIdentity, version: number, values: number): Given => {
    if (records.size >= maximumRecords && !records.has(to.worker)) {
      return { stamp: 0, form: undefined, difference: undefined, held: values };
    }
    const shadow = records.get(to.worker)?.shadow ?? (differences && memory.allocate(size * 4));
    if (shadow !== undefined) kernels.copy(values, shadow.byteOffset, size);
    const record = enter(to, version);
    record.shadow = shadow;
    return { stamp: record.stamp, form: undefined, difference: undefined, held: values };
  };
  const forget = (): void => {
    for (const worker of [...records.keys()]) remove(worker);
  };
  return {
    differenceWords: differences?.words ?? 0,
    give(to, have, version, changedAt, values) {
      const record = records.get(to.worker);
      const follows = record?.incarnation === to.incarnation && record.stamp === have; // G1
      if (!follows) return giveWhole(to, version, values);
      const held = record.shadow?.byteOffset ?? values;
      if (record.version >= changedAt) return { stamp: have, form: "unchanged", difference: undefined, held };
      if (differences === undefined || record.shadow === undefined) return giveWhole(to, version, values);
      const difference = differences.send(values, held, version);
      return { stamp: enter(to, version).stamp, form: "difference", difference, held };
    },
    retain(isListed) {
      for (const worker of [...records.keys()]) if (!isListed(worker)) remove(worker);
    },
    forget,
    get bytes() {
      const shadows = [...records.values()].filter(({ shadow }) => shadow !== undefined).length;
      return shadows * size * 4 + (differences?.bytes ?? 0);
    },
    dispose() {
      forget();
      differences?.dispose();
    },
  };
}

function createDifferences(spec: Exclude<ResolvedEncodingSpec, { name: "float32" | "auto" }>, site: EncodingSite) {
  const { memory, kernels, size } = site;
  // What is lost stays in the shadow's distance from the values: an encoder that kept it as well would send it twice.
  const encoder = createEncoder({ ...spec, errorFeedback: false }, site);
  const regions: Region[] = [];
  const dispose = (): void => {
    encoder.dispose();
    for (const region of regions.splice(0)) memory.free(region);
  };
  const take = (bytes: number): Region => {
    const region = memory.allocate(bytes);
    regions.push(region);
    return region;
  };
  try {
    const difference = take(size * 4);
    const encoded = take(encoder.bytes);
    const decoder = createDecoder(spec, site);
    const words = encoder.bytes / 4;
    return {
      words,
      bytes: size * 4 + encoder.bytes,
      /** Encodes values − shadow and moves the shadow by what that says. */
      send(values: number, shadow: number, version: number): Float32Array {
        kernels.copy(values, difference.byteOffset, size);
        kernels.axpy(shadow, difference.byteOffset, size, -1);
        encoder.encode(difference.byteOffset, encoded.byteOffset, version);
        decoder.accumulate(encoded.byteOffset, encoder.bytes, shadow, 1); // G2
        return memory.floats(encoded.byteOffset, words);
      },
      dispose() {
        decoder.dispose();
        dispose();
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
