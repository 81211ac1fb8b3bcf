/** Lets a server listen, and says in our own words why it cannot. */
import type { AddressInfo, Server } from "node:net";
import { ShoalError } from "@shoal/errors";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** @throws ShoalError port_in_use, permission_denied, invalid_argument */
export function listenOn(
  server: Pick<Server, "listen" | "once" | "off" | "address">,
  address: ListenAddress,
): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(listenError(error, address));
    server.once("error", failed);
    server.listen(address.port, address.host, () => {
      server.off("error", failed);
      resolve({ host: address.host, port: (server.address() as AddressInfo).port });
    });
  });
}

function listenError(error: NodeJS.ErrnoException, { host, port }: ListenAddress): ShoalError {
  const place = `${host}:${port}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new ShoalError(
        "port_in_use",
        `${place} is taken by another process; choose another port`,
        { host, port },
        { cause: error },
      );
    case "EACCES":
      return new ShoalError(
        "permission_denied",
        `listening on ${place} is not allowed`,
        { host, port },
        { cause: error },
      );
    default:
      return new ShoalError(
        "invalid_argument",
        `cannot listen on ${place}: ${error.message}`,
        { field: "host", host, port },
        { cause: error },
      );
  }
}
