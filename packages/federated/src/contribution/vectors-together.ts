/**
 * Vectors that travel as one content, one after the other in the same encoding: with SCAFFOLD the server's control goes with
 * the values, and the change of a client's control with its update.
 */

/** @returns how many vectors a content holds, each of the task's size */
export function vectorsTogether({ correction }: { readonly correction: "none" | "scaffold" }): number {
  return correction === "scaffold" ? 2 : 1;
}

/** Borrows the parts. */
export function joinVectors(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const content = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    content.set(part, at);
    at += part.length;
  }
  return content;
}

/** @returns a view of part `index` of so many of equal length */
export function vectorWithin(content: Uint8Array, index: number, together: number): Uint8Array {
  const bytes = content.length / together;
  return content.subarray(index * bytes, (index + 1) * bytes);
}
