/** The nats-server of a cluster on this machine: on loopback, with JetStream, a token, and a door for `shoal edge`. */
import { join } from "node:path";
import { ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";
import { leafUser } from "./leaf-address.ts";
import { startNatsProcess, type NatsProcess } from "./nats-process.ts";

export interface NatsServer extends Omit<NatsProcess, "doors"> {
  readonly url: string;
  /** Where `shoal edge` joins its own nats-server to this one. */
  readonly leaf: string;
}

/** @throws ShoalError as `startNatsProcess`; port_in_use */
export async function startNatsServer(options: {
  readonly token: string;
  readonly environment: Environment;
  /** -1 lets it choose. */
  readonly port: number;
}): Promise<NatsServer> {
  const { token, environment, port } = options;
  const { doors, ...process } = await startNatsProcess({
    environment,
    configure: (folder) => configuration(folder, token, port),
    awaits: ["nats", "leaf"],
    portTaken: () =>
      new ShoalError(
        "port_in_use",
        `port ${port} is taken by another process; leave --nats-port out to let it be chosen`,
        { port },
      ),
  });
  return { ...process, url: doors.nats, leaf: doors.leaf ?? "" };
}

function configuration(folder: string, token: string, port: number): string {
  return [
    'listen: "127.0.0.1:' + String(port) + '"',
    `ports_file_dir: ${JSON.stringify(folder)}`,
    `authorization { token: ${JSON.stringify(token)} }`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))} }`,
    `leafnodes { listen: "127.0.0.1:-1", authorization { user: ${leafUser}, password: ${JSON.stringify(token)} } }`,
    "",
  ].join("\n");
}
