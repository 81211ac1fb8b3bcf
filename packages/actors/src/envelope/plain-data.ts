/**
 * Plain data to bytes and back: MessagePack that any reader of the format understands.
 *
 * Plain is: null, booleans, numbers, 64-bit integers as bigint, strings, byte arrays, arrays, objects. Properties that
 * are undefined are left out. Anything else (functions, dates, sets, class instances with hidden state, cycles) is
 * refused by the encoder, not bent into something similar. One exception: whole numbers travel as integers, which have
 * no sign of zero, so -0 arrives as 0 (what needs its bits travels in frames). The one addition is the reference to an
 * actor:
 *
 *   extension type 0x52 ("R"), body: the address in UTF-8
 */
import { ShoalError } from "@shoal/errors";
import { ActorRef } from "../actor-ref.ts";
import type { Address } from "../address.ts";
import type { Ref } from "../ref.ts";
import { MessagePackFault } from "./message-pack-fault.ts";
import { readMessagePack, type ReadExtension } from "./read-message-pack.ts";
import { writeMessagePack, type WriteExtension } from "./write-message-pack.ts";

/** MessagePack extension type of an actor reference. */
export const refExtensionType = 0x52;

/** How refs are treated: not allowed, or rebuilt by this function. */
export type RefPolicy = "refuse" | ((address: Address) => Ref<unknown>);

export interface PlainDataLimits {
  /** Names the value in errors: "an envelope". */
  readonly what: string;
  readonly maximumBytes: number;
  readonly allowRefs: boolean;
}

const text = new TextEncoder();
const utf8 = new TextDecoder();

const refToBytes: WriteExtension = (value) =>
  value instanceof ActorRef ? { type: refExtensionType, body: text.encode(value.address) } : undefined;
const refuseRefs: WriteExtension = (value) => {
  if (value instanceof ActorRef)
    throw new MessagePackFault("it holds a reference to an actor, which is not plain data");
  return undefined;
};
const noExtension: ReadExtension = () => undefined;

/**
 * Encodes plain data.
 * @throws ShoalError `codec_failed` - it holds something that is not plain
 * @throws ShoalError `payload_too_large` - it needs more than `maximumBytes`
 */
export function encodePlainData(value: unknown, limits: PlainDataLimits): Uint8Array {
  const bytes = translate(limits.what, "encoded", () =>
    writeMessagePack(value, limits.allowRefs ? refToBytes : refuseRefs),
  );
  checkSize(bytes, limits);
  return bytes;
}

/**
 * Decodes bytes (borrowed) of any origin.
 * @throws ShoalError `codec_failed`, `payload_too_large` - and nothing else
 */
export function decodePlainData(
  bytes: Uint8Array,
  limits: Omit<PlainDataLimits, "allowRefs">,
  refs: RefPolicy,
): unknown {
  checkSize(bytes, limits);
  // A plain view even of a Node Buffer, whose `slice` copies nothing.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return translate(limits.what, "decoded", () =>
    readMessagePack(plain, refs === "refuse" ? noExtension : refsFromBytes(refs)),
  );
}

function refsFromBytes(makeRef: (address: Address) => Ref<unknown>): ReadExtension {
  return (type) => (type === refExtensionType ? (body) => makeRef(utf8.decode(body)) : undefined);
}

/** Faults and what a caller's function throws become our errors. */
function translate<T>(what: string, verb: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const detail = error instanceof Error ? `: ${error.message}` : "";
    throw new ShoalError("codec_failed", `${what} cannot be ${verb}${detail}`, {}, { cause: error });
  }
}

function checkSize(bytes: Uint8Array, limits: Omit<PlainDataLimits, "allowRefs">): void {
  if (bytes.length <= limits.maximumBytes) return;
  throw new ShoalError(
    "payload_too_large",
    `${limits.what} has ${String(bytes.length)} bytes, the limit is ${String(limits.maximumBytes)}`,
    { bytes: bytes.length, maximumBytes: limits.maximumBytes },
  );
}
