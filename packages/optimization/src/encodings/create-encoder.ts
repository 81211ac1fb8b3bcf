/** The sending end of an encoding: the codec, the unsent error, and what may not get into it. */
import { ShoalError } from "@shoal/errors";
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import { createCodec } from "./create-codec.ts";
import { encodedLayout } from "./encoded-layout.ts";
import { checkSnapshot } from "./encoder-snapshot.ts";
import type { ConcreteEncodingSpec } from "./encoding-spec.ts";
import type { Encoder, EncodingSite } from "./encoding.ts";
import { placementOf, type Placement } from "./placement.ts";

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
  const plainPlacement = placementOf(layout.plain);
  const own: Placement = [{ begin: 0, at: 0, count }];
  return {
    spec,
    size,
    bytes: layout.bytes,
    encode(vector, into, draw) {
      checkFinite(kernels, vector, size);
      for (const { begin, at, count: part } of placement) {
        if (keepsError) kernels.axpy(vector + 4 * at, p + 4 * begin, part, 1);
        else kernels.copy(vector + 4 * at, p + 4 * begin, part);
      }
      let squaredNorm = kernels.squaredNorm(p, count);
      codec?.encode(p, into, draw);
      kernels.fill(p + 4 * count, paddedCount - count, 0);
      for (const { begin, at, count: part } of plainPlacement) {
        kernels.copy(vector + 4 * at, into + codecBytes + 4 * begin, part);
        squaredNorm += kernels.squaredNorm(vector + 4 * at, part);
      }
      return { bytes: layout.bytes, squaredError: kernels.squaredNorm(p, count), squaredNorm };
    },
    giveBack(from, superseded) {
      if (!keepsError) return;
      codec?.put(from, p, own, 1);
      if (superseded === undefined) return;
      for (const { begin, at, count: part } of placement) kernels.axpy(superseded + 4 * at, p + 4 * begin, part, -1);
    },
    residualSquaredNorm: () => (keepsError ? kernels.squaredNorm(p, count) : 0),
    snapshot: () => ({
      name: spec.name,
      residual: keepsError ? memory.floats(p, count).slice() : null,
      factors: codec?.factors?.slice() ?? null,
    }),
    restore(snapshot) {
      checkSnapshot(snapshot, {
        name: spec.name,
        residual: keepsError ? count : null,
        factors: codec?.factors?.length,
      });
      if (snapshot.residual !== null) memory.floats(p, count).set(snapshot.residual);
      if (snapshot.factors !== null) codec?.factors?.set(snapshot.factors);
    },
    dispose() {
      codec?.dispose();
      memory.free(work);
    },
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
