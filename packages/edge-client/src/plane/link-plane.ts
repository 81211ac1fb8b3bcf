/** A client's end of the federated plane over a connection to NATS, whichever it is. */
import { isShoalError } from "@shoal/errors";
import {
  allSubject,
  clientNoticeSchema,
  decodeError,
  decodeMessage,
  decodeReply,
  downSubject,
  encodeMessage,
  upSubject,
  type ClientNotice,
  type ClientPlane,
  type TaskAddress,
} from "@shoal/federated";

/** What of NATS a client uses. */
export interface PlaneLink {
  /** @throws ShoalError deadline_exceeded; transport_lost - no connection, or nobody hears it; payload_too_large */
  request(subject: string, body: Uint8Array, timeoutMs: number): Promise<LinkReply>;
  /** @returns stops */
  subscribe(subject: string, onData: (data: Uint8Array) => void): () => void;
  /** Told at once, and whenever the connection comes or goes. @returns stops */
  watch(onChange: (isConnected: boolean) => void): () => void;
  close(): Promise<void>;
}

export interface LinkReply {
  readonly data: Uint8Array;
  /** Whether it has the header that says so. */
  readonly isError: boolean;
}

export function createLinkPlane(link: PlaneLink, address: TaskAddress, client: string): ClientPlane {
  const subject = upSubject(address, client);
  return {
    async request(request, timeoutMs) {
      const { data, isError } = await link.request(subject, encodeMessage(request), timeoutMs);
      if (isError) throw decodeError(data);
      return decodeReply(data);
    },
    listen(onNotice) {
      const hear = (data: Uint8Array): void => {
        const notice = readNotice(data);
        if (notice !== undefined) onNotice(notice);
      };
      const stops = [downSubject(address, client), allSubject(address)].map((each) => link.subscribe(each, hear));
      return () => {
        for (const stop of stops) stop();
      };
    },
    watch: (onChange) => link.watch(onChange),
    close: () => link.close(),
  };
}

/** A notice that makes no sense is passed over: the next check-in says the same. */
function readNotice(data: Uint8Array): ClientNotice | undefined {
  try {
    return decodeMessage(data, clientNoticeSchema);
  } catch (error) {
    if (isShoalError(error)) return undefined;
    throw error;
  }
}
