import { ShoalError } from "@shoal/errors";

/** @throws ShoalError layout_mismatch - names the vector that is not as long as expected */
export function checkLengths(expected: number, vectors: Readonly<Record<string, { readonly length: number }>>): void {
  for (const [name, { length }] of Object.entries(vectors)) {
    if (length === expected) continue;
    const details = { vector: name, expected, found: length };
    throw new ShoalError("layout_mismatch", `${name} has ${length} keys, expected ${expected}`, details);
  }
}
