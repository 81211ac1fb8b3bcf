/** The cryptographic generator of the platform: Node and browsers alike. */
import type { RandomBytes } from "../random-bits.ts";

/** What `getRandomValues` gives at most in one call, bytes. */
const mostBytes = 65_536;

export const systemRandomBytes: RandomBytes = (into) => {
  for (let at = 0; at < into.length; at += mostBytes) {
    globalThis.crypto.getRandomValues(into.subarray(at, at + mostBytes));
  }
};
