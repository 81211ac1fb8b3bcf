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
import { addExtension, Packr } from "msgpackr";
import { ActorRef } from "../actor-ref.ts";
import type { Address } from "../address.ts";
import type { Ref } from "../ref.ts";
import { findMessagePackFault } from "./message-pack-check.ts";

/** MessagePack extension type of an actor reference. */
export const refExtensionType = 0x52;

const noExtension = -1;

/** How refs are treated: not allowed, or rebuilt by this function. */
export type RefPolicy = "refuse" | ((address: Address) => Ref<unknown>);

export interface PlainDataLimits {
  /** Names the value in errors: "an envelope". */
  readonly what: string;
  readonly maximumBytes: number;
  readonly allowRefs: boolean;
}

/** msgpackr reads `skipValues`, which its types leave out. */
const options: ConstructorParameters<typeof Packr>[0] & { readonly skipValues: readonly unknown[] } = {
  useRecords: false,
  copyBuffers: true,
  skipValues: [undefined],
};
const packr = new Packr(options);
const text = new TextEncoder();
const utf8 = new TextDecoder();

/** Set for the duration of one decode; decoding is synchronous, so there is never a second one meanwhile. */
let makeRef: ((address: Address) => Ref<unknown>) | undefined;

addExtension({
  Class: ActorRef,
  type: refExtensionType,
  pack: (ref: ActorRef<unknown>) => text.encode(ref.address),
  unpack: (body: Uint8Array) => makeRef?.(utf8.decode(body)),
});

/**
 * Encodes plain data.
 * @throws ShoalError `codec_failed` - it holds something that is not plain
 * @throws ShoalError `payload_too_large` - it needs more than `maximumBytes`
 */
export function encodePlainData(value: unknown, limits: PlainDataLimits): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = packr.pack(value);
  } catch (error) {
    throw failed(limits.what, "cannot be encoded", error);
  }
  checkSize(bytes, limits);
  const fault = findMessagePackFault(bytes, limits.allowRefs ? refExtensionType : noExtension);
  if (fault !== undefined) throw failed(limits.what, `cannot be encoded: ${fault}`, undefined);
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
  const fault = findMessagePackFault(bytes, refs === "refuse" ? noExtension : refExtensionType);
  if (fault !== undefined) throw failed(limits.what, `cannot be decoded: ${fault}`, undefined);
  makeRef = refs === "refuse" ? undefined : refs;
  try {
    // A plain view even of a Node Buffer: msgpackr makes byte arrays of its source's class, and they are not Buffers.
    return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw failed(limits.what, "cannot be decoded", error);
  } finally {
    makeRef = undefined;
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

function failed(what: string, sentence: string, cause: unknown): ShoalError {
  const detail = cause instanceof Error ? `: ${cause.message}` : "";
  return new ShoalError("codec_failed", `${what} ${sentence}${detail}`, {}, { cause });
}
