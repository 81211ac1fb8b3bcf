/**
 * The gRPC link between servers: a primary's end of one stream to one of its replicas.
 *
 * It stands here because its stream, its frames and its client are those of a worker's link; servers get it from the
 * composition root and do not know where it is made. Connects, and connects again, as the worker's link does.
 */
import {
  writeStreamMetadata,
  type EntryHeader,
  type InstallHeader,
  type InstallRequest,
  type LogEntry,
  type PeerIdentity,
  type ReplicaLink,
} from "@shoal/protocol";
import { ShoalError } from "@shoal/errors";
import type { GrpcLinkOptions } from "./grpc-link.ts";
import { createClientOfLink } from "./open-client.ts";

export function createGrpcReplicaLink(endpoint: string, speaker: PeerIdentity, options: GrpcLinkOptions): ReplicaLink {
  const { token, ...how } = options;
  const metadata = writeStreamMetadata(speaker, token);
  const client = createClientOfLink({ ...how, endpoint, method: "Replicate", metadata });
  const answeredAs = (what: string, type: string): ShoalError =>
    new ShoalError("codec_failed", `${what} was answered as ${type}`, { endpoint });
  return {
    async replicate(entry, call) {
      const what = `entry ${entry.index} of shard ${entry.shard} to ${endpoint}`;
      const kind = { type: "replicate", entry: headerOf(entry) } as const;
      const { buffer, byteOffset, byteLength } = entry.vector;
      const payload = new Uint8Array(buffer, byteOffset, byteLength);
      const outcome = await client.connected().call({ ...call, kind, what, payload, into: undefined });
      if (outcome.type === "replicate") return outcome.reply;
      throw answeredAs(what, outcome.type);
    },
    async install(part, call) {
      const what = `state of shard ${part.shard} from byte ${part.offset} to ${endpoint}`;
      const kind = { type: "install", part: partOf(part) } as const;
      const outcome = await client.connected().call({ ...call, kind, what, payload: part.bytes, into: undefined });
      if (outcome.type === "install") return outcome.reply;
      throw answeredAs(what, outcome.type);
    },
    async close() {
      client.close();
    },
  };
}

function headerOf({ vector: _vector, ...header }: LogEntry): EntryHeader {
  return header;
}

function partOf({ bytes: _bytes, ...header }: InstallRequest): InstallHeader {
  return header;
}
