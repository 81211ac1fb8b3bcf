/** `shoal up`: a cluster of processes on this machine, until Ctrl-C. */
import { counted } from "@shoal/errors";
import { Option, type Command } from "commander";
import { defaultCluster } from "../../cluster/cluster-address.ts";
import { stopRequested } from "../../cluster/parent-watch.ts";
import { startProcessCluster } from "../../cluster/process-cluster.ts";
import { commandName } from "../../environment/command-name.ts";
import { ensureWritable, requireDataFolder, runsFolder } from "../../environment/folders.ts";
import type { CommandContext } from "../command-line.ts";
import { checkPlace, placesText, withPlace } from "../../snapshots/open-store.ts";
import { clusterName, port, roleCount, wholeNumber } from "../options.ts";

/** As a shell reports a process that Ctrl-C ended. */
const interruptedExitCode = 130;

const exampleJob = "examples/mnist-mlp.ts";

interface UpOptions {
  readonly workers: number;
  readonly servers: number;
  readonly cluster: string;
  readonly natsPort?: number;
  readonly restarts: number;
  readonly data?: string;
  readonly runs?: string;
  readonly snapshots?: string;
  readonly json?: boolean;
}

export function addClusterCommands(program: Command, context: CommandContext): void {
  program
    .command("up")
    .description("start a cluster of processes on this machine: nats-server, coordinator, servers, workers")
    .option("--workers <N>", "worker processes", roleCount, 2)
    .option("--servers <N>", "parameter server processes", roleCount, 2)
    .addOption(
      new Option("--cluster <NAME>", "name of the cluster")
        .env("SHOAL_CLUSTER")
        .argParser(clusterName)
        .default(defaultCluster),
    )
    .option("--nats-port <N>", "port of nats-server; default: a free one", port)
    .option("--restarts <N>", "how often a process that ended unasked is started again", wholeNumber, 3)
    .option("--data <FOLDER>", "where data sets are (SHOAL_DATA)")
    .option("--runs <FOLDER>", "where models and traces go (SHOAL_RUNS; default .shoal/runs)")
    .option("--snapshots <PLACE>", placesText)
    .option("--json", "one JSON value a line, for machines")
    .action((options: UpOptions) => up(options, context));
}

async function up(options: UpOptions, context: CommandContext): Promise<void> {
  const output = context.output(options.json);
  const name = options.cluster;
  const runs = runsFolder(context.environment, options.runs);
  ensureWritable(runs, "--runs");
  const environment = withPlace(context.environment, options.snapshots);
  checkPlace(environment);
  if (options.data !== undefined) requireDataFolder(options.data);
  const stop = stopRequested();
  const impatience = new AbortController();
  void stop.then(() => impatience.abort());
  output.line(`starting ${counted(options.servers, "server")} and ${counted(options.workers, "worker")}`);
  const starting = startProcessCluster({
    cluster: name,
    workers: options.workers,
    servers: options.servers,
    runsFolder: runs,
    dataFolder: options.data ?? context.environment["SHOAL_DATA"],
    natsPort: options.natsPort ?? -1,
    restarts: options.restarts,
    environment,
    signal: impatience.signal,
    log: (sentence) => {
      output.line(sentence);
      output.value({ type: "log", sentence });
    },
  });
  const cluster = await Promise.race([starting, stop.then(() => null)]);
  if (cluster === null) {
    await starting.then(
      (late) => late.stop(),
      () => undefined,
    );
    output.line("stopped before the cluster was up");
    context.exit(interruptedExitCode);
    return;
  }
  // With several clusters on this machine each command has to choose one.
  const choice = name === defaultCluster ? "" : ` --cluster ${name}`;
  const pids = Object.fromEntries(cluster.pids());
  output.value({ type: "up", cluster: name, nats: cluster.file.nats, pids });
  output.line(
    `cluster ${name} is up: ${counted(options.servers, "server")}, ${counted(options.workers, "worker")}, NATS at ${cluster.file.nats}`,
  );
  output.line(`in another terminal: ${commandName(context.environment)} submit ${exampleJob}${choice}`);
  output.line("Ctrl-C ends it");
  const reason = await Promise.race([stop, cluster.lost]);
  output.line(`stopping: ${typeof reason === "string" ? reason : "nats-server is gone"}`);
  await cluster.stop();
  if (typeof reason !== "string") throw reason;
}
