/** What every command has that talks to a running cluster: its options, the connection, and the error when nobody answers. */
import type { Command } from "commander";
import { isShoalError, ShoalError } from "@shoal/errors";
import { resolveCluster, type ClusterAddress, type ClusterOptions } from "../../cluster/cluster-address.ts";
import { connectToCluster, type ClusterConnection } from "../../cluster/cluster-connection.ts";
import type { CommandContext } from "../command-line.ts";

export interface ConnectedOptions extends ClusterOptions {
  readonly json?: boolean;
}

export function connected(command: Command): Command {
  return command
    .option("--nats <URL>", "address of the cluster's NATS (SHOAL_NATS; default: the cluster on this machine)")
    .option("--cluster <NAME>", "name of the cluster (SHOAL_CLUSTER)")
    .option("--json", "one JSON value a line, for machines");
}

export async function withCluster(
  options: ConnectedOptions,
  context: CommandContext,
  use: (connection: ClusterConnection) => Promise<void>,
): Promise<void> {
  const address = resolveCluster(options, context.environment);
  const connection = await connectToCluster(address);
  try {
    await use(connection);
  } catch (error) {
    throw isShoalError(error, "actor_not_found") ? nobodyAnswers(address, error) : error;
  } finally {
    await connection.close();
  }
}

function nobodyAnswers({ cluster, nats }: ClusterAddress, cause: ShoalError): ShoalError {
  const sentence = `no coordinator answers for cluster ${cluster} at ${nats}; is it running? \`shoal up\` starts one`;
  return new ShoalError("actor_not_found", sentence, { cluster }, { cause });
}
