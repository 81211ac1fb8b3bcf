/** Values of the state store as bytes: plain data of at most 256 KiB, without refs. */
import { decodePlainData, encodePlainData } from "../envelope/plain-data.ts";
import { maximumValueBytes } from "./state-store.ts";

const limits = { what: "a stored value", maximumBytes: maximumValueBytes, allowRefs: false };

/** @throws ShoalError `codec_failed`, `payload_too_large` */
export function encodeStoreValue(value: unknown): Uint8Array {
  return encodePlainData(value, limits);
}

/** @throws ShoalError `codec_failed`, `payload_too_large` */
export function decodeStoreValue(bytes: Uint8Array): unknown {
  return decodePlainData(bytes, limits, "refuse");
}
