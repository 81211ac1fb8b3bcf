/** The way from clients to the server in an encoding: the encoders of the client, with what each has left unsent. */
import type { KernelCodec } from "@shoal/edge-client";
import type { Carry } from "../fedavg/federation.ts";

export interface UpLink {
  /** Gives what the server decodes of a client's update; a client's next one brings along what this one lacks. */
  readonly carry: Carry;
  /** Bytes of an update on average, without manifest and envelopes; NaN before the first. */
  bytesEach(): number;
}

export interface UpLinkOptions {
  /** A name that the codec has. */
  readonly encoding: string;
  /** What an update lacks is lost instead of late. */
  readonly forgets: boolean;
}

export function createUpLink(codec: KernelCodec, { encoding, forgets }: UpLinkOptions): UpLink {
  const leftOvers = new Map<number, Float32Array>();
  let bytes = 0;
  let updates = 0;
  return {
    carry(client, round, update) {
      const encoded = codec.encode(encoding, update, { draw: round, leftOver: leftOvers.get(client) });
      if (encoded.leftOver !== undefined && !forgets) leftOvers.set(client, encoded.leftOver);
      bytes += encoded.content.length;
      updates += 1;
      return codec.decode(encoding, encoded.content, update.length);
    },
    bytesEach: () => bytes / updates,
  };
}
