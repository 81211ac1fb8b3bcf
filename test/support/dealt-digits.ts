/** One Dirichlet partition, for Node and for the page alike. */
import { createRandom } from "@shoal/actors/browser";
import { partitionByDirichlet } from "@shoal/federated";

/** What it must come to, wherever it runs: FNV-1a (32 bits) over every client's indices. */
export const dealtFingerprint = "114b383b";

export function dealDigits(): string {
  const draws = createRandom("digits");
  const labels = Uint8Array.from({ length: 5000 }, () => draws.integer(10));
  const partition = partitionByDirichlet(labels, 20, { alpha: 0.3, minimum: 5 }, createRandom("deal"));
  let hash = 0x811c9dc5;
  for (const [client, indices] of partition.entries()) {
    for (const index of indices) hash = Math.imul(hash ^ (index * 32 + client), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
