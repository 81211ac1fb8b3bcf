/**
 * Messages of secure sums as bytes. What kind a message is of stands beside its bytes, as the stage of the plane's
 * message; masked vectors go by as contributions do, in chunks, and "masked" says only that all of it is there.
 *
 * Bounds  A roster of 1,000 clients, the longest message, has 250 kB.
 */
import { ShoalError } from "@shoal/errors";
import { createFieldReader, createFieldWriter, type FieldReader, type FieldWriter } from "./byte-fields.ts";
import { secretBytes } from "./key-agreement.ts";
import {
  maximumClients,
  type AdvertisedKeys,
  type RevealedShare,
  type Roster,
  type SealedShares,
  type UnmaskingAnswer,
  type UnmaskingRequest,
} from "./messages.ts";
import { sealedBytes } from "./sealed-share.ts";
import { hashBytes } from "./share-hash.ts";
import { shareBytes } from "./shamir.ts";

export type SecureClientMessage =
  | { readonly type: "keys"; readonly keys: AdvertisedKeys }
  | { readonly type: "shares"; readonly shares: readonly SealedShares[] }
  | { readonly type: "masked" }
  | { readonly type: "answer"; readonly answer: UnmaskingAnswer };

export type SecureServerMessage =
  | { readonly type: "roster"; readonly roster: Roster }
  | { readonly type: "shares"; readonly shares: readonly SealedShares[] }
  | { readonly type: "request"; readonly request: UnmaskingRequest }
  /** The client is out of the sum, or there is none any more. */
  | { readonly type: "over"; readonly reason: string };

/** Bytes of a client's name, of a public key, of a signature, and of a reason. */
const [mostName, mostKey, mostSignature, mostReason] = [64, 33, 72, 1024];

export function encodeSecureMessage(message: SecureClientMessage | SecureServerMessage): Uint8Array<ArrayBuffer> {
  const writer = createFieldWriter();
  switch (message.type) {
    case "keys":
      writeKeys(writer, message.keys);
      break;
    case "roster":
      writer.list(message.roster, (keys) => writeKeys(writer, keys));
      break;
    case "shares":
      writer.list(message.shares, ({ from, to, sealed, hashes }) => {
        writer.count(from);
        writer.count(to);
        for (const part of [sealed, hashes.maskKey, hashes.seed]) writer.bytes(part);
      });
      break;
    case "request":
      writer.list(message.request.survivors, (each) => writer.count(each));
      writer.list(message.request.dropped, (each) => writer.count(each));
      break;
    case "answer":
      writer.list(message.answer.seeds, (share) => writeShare(writer, share));
      writer.list(message.answer.maskKeys, (share) => writeShare(writer, share));
      break;
    case "over":
      writer.text(message.reason.slice(0, mostReason / 4)); // a character has 3 bytes at most
      break;
    case "masked":
      break;
  }
  return writer.finish();
}

/** @param bytes - of any origin, borrowed @throws ShoalError codec_failed */
export function decodeSecureClientMessage(stage: string, bytes: Uint8Array): SecureClientMessage {
  return decoded(stage, bytes, {
    keys: (reader) => ({ type: "keys", keys: readKeys(reader) }),
    shares: (reader) => ({ type: "shares", shares: readShares(reader) }),
    masked: () => ({ type: "masked" }),
    answer(reader) {
      const [seeds, maskKeys] = [readRevealed(reader), readRevealed(reader)];
      return { type: "answer", answer: { seeds, maskKeys } };
    },
  });
}

/** @param bytes - of any origin, borrowed @throws ShoalError codec_failed */
export function decodeSecureServerMessage(stage: string, bytes: Uint8Array): SecureServerMessage {
  return decoded(stage, bytes, {
    roster: (reader) => ({ type: "roster", roster: reader.list(maximumClients, () => readKeys(reader)) }),
    shares: (reader) => ({ type: "shares", shares: readShares(reader) }),
    request(reader) {
      const [survivors, dropped] = [readClients(reader), readClients(reader)];
      return { type: "request", request: { survivors, dropped } };
    },
    over: (reader) => ({ type: "over", reason: reader.text(mostReason) }),
  });
}

function decoded<M extends { readonly type: string }>(
  stage: string,
  bytes: Uint8Array,
  readers: { readonly [T in M["type"]]: (reader: FieldReader) => Extract<M, { type: T }> },
): M {
  if (!Object.hasOwn(readers, stage)) {
    throw new ShoalError(
      "codec_failed",
      `a secure sum has no message ${JSON.stringify(stage.slice(0, 32))} this way`,
      {},
    );
  }
  const reader = createFieldReader(bytes);
  const message = readers[stage as M["type"]](reader);
  reader.end();
  return message;
}

function writeKeys(writer: FieldWriter, { client, maskKey, sealKey, seedHash, signature }: AdvertisedKeys): void {
  writer.text(client);
  for (const part of [maskKey, sealKey, seedHash, signature]) writer.bytes(part);
}

function readKeys(reader: FieldReader): AdvertisedKeys {
  const client = reader.text(mostName);
  const [maskKey, sealKey] = [reader.bytes(mostKey), reader.bytes(mostKey)];
  return { client, maskKey, sealKey, seedHash: reader.bytes(hashBytes), signature: reader.bytes(mostSignature) };
}

function readShares(reader: FieldReader): readonly SealedShares[] {
  const index = (): number => reader.count(maximumClients - 1);
  return reader.list(maximumClients, () => {
    const [from, to, sealed] = [index(), index(), reader.bytes(sealedBytes)];
    return { from, to, sealed, hashes: { maskKey: reader.bytes(hashBytes), seed: reader.bytes(hashBytes) } };
  });
}

function readClients(reader: FieldReader): readonly number[] {
  return reader.list(maximumClients, () => reader.count(maximumClients - 1));
}

function writeShare(writer: FieldWriter, { of, share }: RevealedShare): void {
  writer.count(of);
  writer.bytes(share);
}

function readRevealed(reader: FieldReader): readonly RevealedShare[] {
  const most = shareBytes(secretBytes);
  return reader.list(maximumClients, () => ({ of: reader.count(maximumClients - 1), share: reader.bytes(most) }));
}
