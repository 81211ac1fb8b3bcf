/** What local training takes on a device. */
import { vectorsTogether } from "../contribution/vectors-together.ts";

/**
 * Vectors of a model's size that a client has at least: values received and trained, gradient, update. With SCAFFOLD as many
 * more: both controls, the correction, the change.
 */
const vectorsOfClient = 4;

/** @param size - elements of the whole model, float32 @returns bytes, about: what a batch takes comes on top */
export function trainingBytes(size: number, local: { readonly correction: "none" | "scaffold" }): number {
  return vectorsOfClient * vectorsTogether(local) * size * Float32Array.BYTES_PER_ELEMENT;
}
