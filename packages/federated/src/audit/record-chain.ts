/**
 * Round records as a chain: each holds the hash of the one before it, so that none can be changed, left out, put between or
 * moved without every later hash being another.
 *
 *   hash(r) = SHA-256(canonical JSON of r),   r_n = { sequence: n, previous: hash(r_{n−1}), body }
 *
 * The last record is held by nothing: whoever audits keeps its hash (the head) somewhere else, for instance by being sent
 * it with each round. Who can write the whole log and all heads can write another history.
 */
import { counted, ShoalError } from "@shoal/errors";
import { hexOf, sha256 } from "../contribution/sha256.ts";
import { canonicalJson, type JsonValue } from "./canonical-json.ts";

export interface ChainedRecord<T = JsonValue> {
  /** 0 for the first record of a chain. */
  readonly sequence: number;
  /** 64 hexadecimal digits; all 0 in the first record. */
  readonly previous: string;
  readonly body: T;
}

/** A record by its place and hash: what the next one is appended to. */
export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
}

export type ChainDecision =
  | { readonly kind: "intact"; readonly head: ChainHead; readonly reason: string }
  /** `index` in the list is the first record that does not follow from the one before it. */
  | { readonly kind: "broken"; readonly index: number; readonly reason: string };

/** What the first record of a chain is appended to. */
export const chainStart: ChainHead = { sequence: -1, hash: "0".repeat(64) };

/** Bytes of a record at most, canonically written: it has to fit into one value of the store, which takes 256 KiB. */
export const mostRecordBytes = 245_760;

/**
 * Makes the next record. Whoever keeps it keeps the head with it.
 * @param body - plain JSON
 * @throws ShoalError invalid_argument - for what JSON cannot hold; payload_too_large
 */
export function appendRecord<T>(
  head: ChainHead,
  body: T,
): { readonly record: ChainedRecord<T>; readonly head: ChainHead } {
  const record = { sequence: head.sequence + 1, previous: head.hash, body };
  return { record, head: { sequence: record.sequence, hash: hashOf(record) } };
}

/**
 * Checks a chain, or the later part of one.
 * @param after - the head that the first record follows; default the start
 * @param expected - hash of the last record, where it is known
 */
export function verifyChain(
  records: readonly ChainedRecord<unknown>[],
  {
    after = chainStart,
    expected,
  }: { readonly after?: ChainHead | undefined; readonly expected?: string | undefined } = {},
): ChainDecision {
  let head = after;
  for (const [index, record] of records.entries()) {
    const fault = faultOf(record, head);
    if (fault !== undefined) return { kind: "broken", index, reason: fault };
    try {
      head = { sequence: record.sequence, hash: hashOf(record) };
    } catch (error) {
      return { kind: "broken", index, reason: error instanceof Error ? error.message : String(error) };
    }
  }
  if (expected !== undefined && expected !== head.hash) {
    const reason = `the chain ends with ${head.hash} at record ${head.sequence}, expected ${expected}: the last record is another, or some are missing behind it`;
    return { kind: "broken", index: Math.max(0, records.length - 1), reason };
  }
  return { kind: "intact", head, reason: `${counted(records.length, "record")} up to ${head.sequence}` };
}

function faultOf({ sequence, previous }: ChainedRecord<unknown>, head: ChainHead): string | undefined {
  if (sequence !== head.sequence + 1) return `record ${sequence} follows record ${head.sequence}`;
  if (previous === head.hash) return undefined;
  return `record ${sequence} follows ${previous}, but record ${head.sequence} has the hash ${head.hash}: one of the two was changed`;
}

function hashOf({ sequence, previous, body }: ChainedRecord<unknown>): string {
  const bytes = new TextEncoder().encode(canonicalJson({ sequence, previous, body }));
  if (bytes.length > mostRecordBytes) {
    const details = { bytes: bytes.length, most: mostRecordBytes };
    throw new ShoalError(
      "payload_too_large",
      `record ${sequence} has ${bytes.length} bytes, at most ${mostRecordBytes}`,
      details,
    );
  }
  return hexOf(sha256(bytes));
}
