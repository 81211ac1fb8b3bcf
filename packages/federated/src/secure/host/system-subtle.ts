/** The platform's cryptography: Node and browsers alike. */
import { ShoalError } from "@shoal/errors";

/** @throws ShoalError missing_tool - in a page that came over plain http: browsers keep it from those */
export function systemSubtle(): SubtleCrypto {
  const { subtle } = globalThis.crypto as { readonly subtle?: SubtleCrypto };
  if (subtle !== undefined) return subtle;
  const sentence = "this page has no cryptography: secure sums need https, or a page from localhost";
  throw new ShoalError("missing_tool", sentence, { tool: "crypto.subtle" });
}
