/** Memory for the arrays of a split: shared where the platform has it, so that threads see it without a copy. */
export function sharedBuffer(byteLength: number): ArrayBufferLike {
  return typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(byteLength) : new SharedArrayBuffer(byteLength);
}
