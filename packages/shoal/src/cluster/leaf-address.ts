/** The second door of a cluster's nats-server: `shoal edge` joins a nats-server of its own to it, as a leaf. */
import { ShoalError } from "@shoal/errors";
import type { ClusterAddress } from "./cluster-address.ts";

/** Its password is the cluster's token. */
export const leafUser = "edge";

/** Where nats-server takes leaves unless it is told another port. */
const usualLeafPort = 7422;

/**
 * @param asked - `--leaf`; without it what the cluster's file says, or the usual port of the host where NATS is
 * @throws ShoalError invalid_argument - an address that is none
 */
export function leafAddress(address: ClusterAddress, asked: string | undefined): string {
  const text = asked ?? address.leaf ?? `nats-leaf://${hostOf(address.nats)}:${usualLeafPort}`;
  const url = URL.parse(/:\/\//.test(text) ? text : `nats-leaf://${text}`);
  if (url === null || url.hostname === "") {
    throw new ShoalError("invalid_argument", `--leaf: expected HOST:PORT, got "${text}"`, { field: "leaf" });
  }
  return `nats-leaf://${url.hostname}:${url.port === "" ? usualLeafPort : url.port}`;
}

/** The same with who asks: for the file of a nats-server, and for nobody to read. */
export function leafLogin(leaf: string, token: string): string {
  return leaf.replace("://", `://${leafUser}:${encodeURIComponent(token)}@`);
}

function hostOf(nats: string): string {
  return URL.parse(nats.includes("://") ? nats : `nats://${nats}`)?.hostname ?? "127.0.0.1";
}
