/** Lets in who shows the cluster's token. */
import { createHash, timingSafeEqual } from "node:crypto";
import { ShoalError } from "@shoal/errors";
import { readToken, type MetadataReader } from "@shoal/protocol";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Makes the check of a stream's metadata. Digests of equal length are compared in constant time, so that the answer's
 * delay tells nothing about the token, not even its length.
 *
 * @param token undefined: everybody is let in
 * @returns throws ShoalError unauthenticated
 */
export function createAuthentication(token: string | undefined): (metadata: MetadataReader) => void {
  if (token === undefined) return () => undefined;
  const expected = digest(token);
  return (metadata) => {
    const shown = readToken(metadata);
    if (shown !== undefined && timingSafeEqual(digest(shown), expected)) return;
    const what = shown === undefined ? "shows no token" : "shows a wrong token";
    throw new ShoalError("unauthenticated", `the caller ${what}; start it with the token of this cluster`);
  };
}
