/** The sending end of an encoding: the codec, the unsent error, and what may not get into it. */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import { partElements, type Codec } from "./codec.ts";
import { createCodec } from "./create-codec.ts";
import { encodedLayout } from "./encoded-layout.ts";
import { checkSnapshot } from "./encoder-snapshot.ts";
import type { ConcreteEncodingSpec } from "./encoding-spec.ts";
import type { Encoder, EncodingSite } from "./encoding.ts";
import { placementOf, visitPieces, type Placement } from "./placement.ts";

/**
 * @throws RangeError when the layout is none
 * @throws ShoalError out_of_memory - nothing is kept then
 */
export function createEncoder(spec: ConcreteEncodingSpec, site: EncodingSite): Encoder {
  const { kernels, memory, size } = site;
  const layout = encodedLayout(spec, site);
  const { encodedCount: count, codecBytes } = layout;
  const keepsError = spec.name !== "float32" && spec.errorFeedback;
  const paddedCount = Math.ceil(count / 16) * 16;
  // Holds p = g + e while a vector is encoded, and the error afterwards.
  const work = memory.allocate(4 * Math.max(16, paddedCount));
  const codec = orFree(memory, work, () => createCodec(spec, { layout, kernels, memory, encodes: true }));
  const p = work.byteOffset;
  const placement = placementOf(layout.encoded);
  const copyPlain = plainCopier(kernels, placementOf(layout.plain));
  const gather = (vector: Offset, begin: number, part: number): void =>
    visitPieces(placement, begin, begin + part, (first, at, length) => {
      if (keepsError) kernels.axpy(vector + 4 * at, p + 4 * first, length, 1);
      else kernels.copy(vector + 4 * at, p + 4 * first, length);
    });
  return {
    spec,
    size,
    bytes: layout.bytes,
    encode(vector, into, draw) {
      checkFinite(kernels, vector, size);
      let [squaredNorm, squaredError] = [0, 0];
      for (let begin = 0; begin < count; begin += partElements) {
        const part = Math.min(partElements, count - begin);
        gather(vector, begin, part);
        squaredNorm += kernels.squaredNorm(p + 4 * begin, part);
        if (codec?.encode.kind !== "parts") continue;
        codec.encode.run(p, into, begin, part);
        squaredError += kernels.squaredNorm(p + 4 * begin, part);
      }
      if (codec?.encode.kind === "whole") {
        codec.encode.run(p, into, draw);
        squaredError = kernels.squaredNorm(p, count);
      }
      kernels.fill(p + 4 * count, paddedCount - count, 0);
      squaredNorm += copyPlain(vector, into + codecBytes);
      return { bytes: layout.bytes, squaredError, squaredNorm };
    },
    ...errorKeeping({ name: spec.name, kernels, memory, codec, p, count: keepsError ? count : null, placement }),
    dispose() {
      codec?.dispose();
      memory.free(work);
    },
  };
}

interface ErrorSite {
  readonly name: string;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  readonly codec: Codec | undefined;
  readonly p: Offset;
  /** Elements whose error is kept; null: of none. */
  readonly count: number | null;
  readonly placement: Placement;
}

/** What is done to the unsent error between two vectors. */
function errorKeeping(site: ErrorSite): Pick<Encoder, "giveBack" | "residualSquaredNorm" | "snapshot" | "restore"> {
  const { name, kernels, memory, codec, p, count, placement } = site;
  return {
    giveBack(from, superseded) {
      if (count === null) return;
      codec?.put(from, p, [{ begin: 0, at: 0, count }], 1);
      if (superseded === undefined) return;
      for (const { begin, at, count: part } of placement) kernels.axpy(superseded + 4 * at, p + 4 * begin, part, -1);
    },
    residualSquaredNorm: () => (count === null ? 0 : kernels.squaredNorm(p, count)),
    snapshot: () => ({
      name,
      residual: count === null ? null : memory.floats(p, count).slice(),
      factors: codec?.factors?.slice() ?? null,
    }),
    restore(snapshot) {
      checkSnapshot(snapshot, { name, residual: count, factors: codec?.factors?.length });
      if (snapshot.residual !== null && count !== null) memory.floats(p, count).set(snapshot.residual);
      if (snapshot.factors !== null) codec?.factors?.set(snapshot.factors);
    },
  };
}

/** @returns copies the plain ranges of a vector to where they stand one after the other, and returns their squared norm */
function plainCopier(kernels: Kernels, plain: Placement): (vector: Offset, into: Offset) => number {
  return (vector, into) => {
    let squaredNorm = 0;
    for (const { begin, at, count } of plain) {
      kernels.copy(vector + 4 * at, into + 4 * begin, count);
      squaredNorm += kernels.squaredNorm(vector + 4 * at, count);
    }
    return squaredNorm;
  };
}

function orFree<T>(memory: KernelMemory, region: { byteOffset: Offset; byteLength: number }, create: () => T): T {
  try {
    return create();
  } catch (error) {
    memory.free(region);
    throw error;
  }
}

/** I3. A squared norm that is not finite means NaN, an infinity, or magnitudes above 10^19 that no scale could hold. */
function checkFinite(kernels: Kernels, vector: Offset, size: number): void {
  if (Number.isFinite(kernels.squaredNorm(vector, size))) return;
  const what = kernels.allFinite(vector, size) ? "magnitudes that cannot be squared" : "NaN or an infinity";
  throw new ShoalError("not_finite", `A vector of ${size} elements that was to be encoded holds ${what}.`, { size });
}
