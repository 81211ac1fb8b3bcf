/** Commands that run one role as this process: what `up` starts, what containers start. A process loads its own role only. */
import { hostname } from "node:os";
import type { Command } from "commander";
import { ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  clusterStatusSchema,
  coordinatorNode,
  type ClusterStatus,
  type CoordinatorMessage,
} from "@shoal/protocol";
import { defaultCluster, requireToken } from "../../cluster/cluster-address.ts";
import { connectToCluster } from "../../cluster/cluster-connection.ts";
import { ensureWritable, runsFolder } from "../../environment/folders.ts";
import type { RoleOptions } from "../../roles/run-role.ts";
import type { CommandContext } from "../command-line.ts";
import { placesText, withPlace } from "../../snapshots/open-store.ts";
import { listenAddress, port } from "../options.ts";

interface NodeOptions {
  readonly nats?: string;
  readonly cluster?: string;
  readonly node?: string;
  readonly runs?: string;
  readonly snapshots?: string;
}

export function addRoleCommands(program: Command, context: CommandContext): void {
  addCoordinator(program, context);
  addServer(program, context);
  addWorker(program, context);
  addHealth(program, context);
  program
    .command("nats-server", { hidden: true })
    .option("--port <N>", "port; default: a free one", (text) => (text === "-1" ? -1 : port(text)), -1)
    .option("--edge <LEAF>", "the nats-server of shoal edge, a leaf of the cluster's")
    .action(async (options: { readonly port: number; readonly edge?: string }) => {
      const { runEdgeNats, runNatsServer } = await import("../../roles/nats-role.ts");
      if (options.edge === undefined) await runNatsServer(options.port, context.environment);
      else await runEdgeNats(options.edge, context.environment);
    });
}

function roleCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--nats <URL>", "address of NATS (SHOAL_NATS)")
    .option("--cluster <NAME>", "name of the cluster (SHOAL_CLUSTER)")
    .option("--runs <FOLDER>", "where models and traces go (SHOAL_RUNS; default .shoal/runs)");
}

function addCoordinator(program: Command, context: CommandContext): void {
  roleCommand(program, "coordinator", "run the coordinator of a cluster")
    .option("--snapshots <PLACE>", placesText)
    .action(async (options: NodeOptions) => {
      const { runCoordinator } = await import("../../roles/coordinator-role.ts");
      await runCoordinator(roleOptions(options, coordinatorNode, context));
    });
}

function addServer(program: Command, context: CommandContext): void {
  roleCommand(program, "server", "run a parameter server")
    .option("--node <NAME>", "name of this node; default: from the host name")
    .option("--listen <HOST:PORT>", "where to listen; default: on loopback, at a free port", listenAddress)
    .option("--advertise <HOST:PORT>", "where workers reach it; default: where it listens")
    .option("--snapshots <PLACE>", placesText)
    .action(
      async (
        options: NodeOptions & { readonly listen?: { host: string; port: number }; readonly advertise?: string },
      ) => {
        const { runServer } = await import("../../roles/server-role.ts");
        await runServer({
          ...roleOptions(options, nodeName("server"), context),
          ...(options.listen ?? { host: "127.0.0.1", port: 0 }),
          advertise: options.advertise ?? null,
        });
      },
    );
}

function addWorker(program: Command, context: CommandContext): void {
  roleCommand(program, "worker", "run a worker")
    .option("--node <NAME>", "name of this node; default: from the host name")
    .option("--data <FOLDER>", "where data sets are (SHOAL_DATA)")
    .option("--snapshots <PLACE>", placesText)
    .action(async (options: NodeOptions & { readonly data?: string }) => {
      const { runWorker } = await import("../../roles/worker-role.ts");
      await runWorker({
        ...roleOptions(options, nodeName("worker"), context),
        dataFolder: options.data ?? context.environment["SHOAL_DATA"],
      });
    });
}

/** @throws ShoalError invalid_argument - no NATS address; unauthenticated - no token; file_not_writable */
function roleOptions(options: NodeOptions, defaultNode: string, context: CommandContext): RoleOptions {
  const { environment } = context;
  const nats = options.nats ?? environment["SHOAL_NATS"];
  if (nats === undefined) {
    throw new ShoalError(
      "invalid_argument",
      "--nats (or SHOAL_NATS) must name the cluster's NATS, as in nats://127.0.0.1:4222",
      {
        field: "nats",
      },
    );
  }
  requireToken(environment);
  const runs = runsFolder(environment, options.runs);
  ensureWritable(runs, "--runs");
  return {
    node: options.node ?? defaultNode,
    cluster: options.cluster ?? environment["SHOAL_CLUSTER"] ?? defaultCluster,
    nats,
    runsFolder: runs,
    environment: withPlace(environment, options.snapshots),
    log: (sentence) => process.stderr.write(`${new Date().toISOString()} ${sentence}\n`),
  };
}

/** A container's host name is unique in its network; dots and capitals do not fit into a subject. */
function nodeName(role: string): string {
  return `${role}-${hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")}`.slice(0, 63);
}

function addHealth(program: Command, context: CommandContext): void {
  program
    .command("health")
    .description("exit with 0 when a node is a live member of its cluster (for container health checks)")
    .option("--nats <URL>", "address of NATS (SHOAL_NATS)")
    .option("--cluster <NAME>", "name of the cluster (SHOAL_CLUSTER)")
    .option("--node <NAME>", "the node; the coordinator is healthy when it answers", coordinatorNode)
    .action(async (options: NodeOptions & { readonly node: string }) => {
      const { nats, cluster } = roleOptionsForHealth(options, context);
      const connection = await connectToCluster({ nats, cluster, token: requireToken(context.environment) });
      try {
        const status = await connection.system.ask<CoordinatorMessage, ClusterStatus>(
          connection.coordinator,
          (replyTo) => ({ type: "describe_cluster", replyTo }),
          { deadlineMs: 2_000, reason: "to check health", accepts: acceptorOf(clusterStatusSchema) },
        );
        const member = status.members.find(({ name }) => name === options.node);
        if (options.node === coordinatorNode || member?.alive === true) return;
        throw new ShoalError("not_a_member", `${options.node} is no live member of cluster ${cluster}`, {
          node: options.node,
        });
      } finally {
        await connection.close();
      }
    });
}

function roleOptionsForHealth(
  options: NodeOptions,
  { environment }: CommandContext,
): { nats: string; cluster: string } {
  const nats = options.nats ?? environment["SHOAL_NATS"];
  if (nats === undefined) throw new ShoalError("invalid_argument", "--nats or SHOAL_NATS must name the cluster's NATS");
  return { nats, cluster: options.cluster ?? environment["SHOAL_CLUSTER"] ?? defaultCluster };
}
