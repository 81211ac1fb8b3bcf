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
    if (isShoalError(error, "actor_not_found")) throw nobodyAnswers(address, error);
    throw isShoalError(error, "codec_failed") ? notUnderstood(address, error) : error;
  } finally {
    await connection.close();
  }
}

function nobodyAnswers({ cluster, nats }: ClusterAddress, cause: ShoalError): ShoalError {
  const sentence = `no coordinator answers for cluster ${cluster} at ${nats}; is it running? \`shoal up\` starts one`;
  return new ShoalError("actor_not_found", sentence, { cluster }, { cause });
}

/** Commands and members of one release understand each other; what else comes over the bus is refused by its schema. */
function notUnderstood({ cluster }: ClusterAddress, cause: ShoalError): ShoalError {
  const complaint = cause.message.replace(/^\[[a-z_]+\] /, "").replace(/\. Expected [^]*/, "");
  const sentence =
    `cluster ${cluster} and this command do not understand each other, as with another version of shoal: ` +
    `use the one that started the cluster (${complaint})`;
  return new ShoalError("codec_failed", sentence, { cluster }, { cause });
}
