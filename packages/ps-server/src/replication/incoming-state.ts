/**
 * A state that comes in parts: taken over whole or not at all.
 *
 * Bounds  One for each shard, no longer than the caller allows. It goes when another begins or a new term does.
 */
import { ShoalError } from "@shoal/errors";
import type { InstallRequest } from "@shoal/protocol";

export interface IncomingState {
  readonly term: number;
  readonly index: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  received: number;
}

export type PartDecision =
  /** The first part: begin afresh. */
  | { readonly kind: "begin"; readonly reason: string }
  | { readonly kind: "add"; readonly reason: string }
  | { readonly kind: "repeated"; readonly reason: string }
  | { readonly kind: "refuse"; readonly code: "invalid_argument" | "payload_too_large"; readonly reason: string };

/** @param maximumBytes a state of this shard can have */
export function decidePart(
  incoming: IncomingState | undefined,
  { term, index, offset, totalBytes, bytes }: InstallRequest,
  maximumBytes: number,
): PartDecision {
  const end = offset + bytes.length;
  if (totalBytes > maximumBytes) {
    const reason = `a state of ${totalBytes} bytes; this shard's has at most ${maximumBytes}`;
    return { kind: "refuse", code: "payload_too_large", reason };
  }
  if (bytes.length === 0 || end > totalBytes) {
    return { kind: "refuse", code: "invalid_argument", reason: `bytes ${offset} to ${end} of ${totalBytes}` };
  }
  const isSame = incoming?.term === term && incoming.index === index && incoming.bytes.length === totalBytes;
  if (offset === 0) return { kind: "begin", reason: "the first part of a state" };
  if (!isSame) {
    return { kind: "refuse", code: "invalid_argument", reason: "a part of a state whose beginning is missing" };
  }
  if (offset === incoming.received) return { kind: "add", reason: "the next part" };
  if (end <= incoming.received) return { kind: "repeated", reason: "this part is here" };
  const reason = `a part at ${offset}, where byte ${incoming.received} is due`;
  return { kind: "refuse", code: "invalid_argument", reason };
}

/** @throws ShoalError out_of_memory */
export function beginIncoming({ term, index, totalBytes }: InstallRequest): IncomingState {
  try {
    return { term, index, bytes: new Uint8Array(totalBytes), received: 0 };
  } catch (error) {
    const sentence = `There is no room for a state of ${totalBytes} bytes.`;
    throw new ShoalError("out_of_memory", sentence, { bytes: totalBytes }, { cause: error });
  }
}
