/** `shoal train JOB`: the whole cluster in this process. */
import { counted } from "@shoal/errors";
import { join } from "node:path";
import type { Command } from "commander";
import type { LocalCluster } from "../../cluster/local-cluster.ts";
import { cancelRun, submitRun } from "../../cluster/follow-run.ts";
import { commandName } from "../../environment/command-name.ts";
import { ensureWritable, runsFolder } from "../../environment/folders.ts";
import { checkPlace, placesText, withPlace } from "../../snapshots/open-store.ts";
import type { CommandContext } from "../command-line.ts";
import { addJobOverrides, overridesOf, roleCount, type JobOverrideOptions } from "../options.ts";
import { describeError, type Output } from "../output.ts";
import { sayResult, showRun } from "../show-run.ts";

/** What every training in this process is given. */
export interface InProcessOptions {
  readonly workers: number;
  readonly servers: number;
  readonly data?: string;
  readonly runs?: string;
  readonly snapshots?: string;
  readonly trace: boolean;
  readonly json?: boolean;
}

/** A training in this process: how it begins, and what is said of it. */
export interface InProcessTraining {
  readonly title: string;
  /** @returns the name of the run */
  readonly begin: (cluster: LocalCluster) => Promise<string>;
  readonly sayNext: (run: string, output: Output) => void;
}

const interruptedExitCode = 130;

export function addTrainCommand(program: Command, context: CommandContext): void {
  const command = addInProcessOptions(
    program
      .command("train")
      .description("train a job in this process, with all roles as actors in it")
      .argument("<job>", "a job: .ts, .js, .json or .yaml"),
  );
  addJobOverrides(command).action(async (file: string, options: InProcessOptions & JobOverrideOptions) => {
    const { federatedCommands, refuseFederated, withAllWorkers } = await import("../../cluster/local-cluster.ts");
    const { loadJob } = await import("../../job/load-job.ts");
    const spec = await loadJob(file, overridesOf(options));
    refuseFederated(spec, federatedCommands(commandName(context.environment)));
    const job = withAllWorkers(spec, options.workers);
    const { workers, servers, trace } = options;
    await trainInProcess(options, context, {
      title: `${job.name}: ${counted(workers, "worker")}, ${counted(servers, "server")}, ${job.consistency.mode}, in this process`,
      begin: ({ system, coordinator }) => submitRun(system, coordinator, job, crypto.randomUUID()),
      sayNext: (run, output) => sayNext(commandName(context.environment), file, trace ? run : null, output),
    });
  });
}

/** @param isAlone false where the command has `--json` already */
export function addInProcessOptions(command: Command, isAlone = true): Command {
  const known = command
    .option("--workers <N>", "workers, each with a compute thread", roleCount, 2)
    .option("--servers <N>", "parameter servers", roleCount, 2)
    .option("--data <FOLDER>", "where the data set is (SHOAL_DATA)")
    .option("--runs <FOLDER>", "where models and traces go (SHOAL_RUNS; default .shoal/runs)")
    .option("--snapshots <PLACE>", placesText)
    .option("--no-trace", "do not write a trace file");
  return isAlone ? known.option("--json", "one JSON value a line, for machines") : known;
}

export async function trainInProcess(
  options: InProcessOptions,
  context: CommandContext,
  training: InProcessTraining,
): Promise<void> {
  const output = context.output(options.json);
  const runs = runsFolder(context.environment, options.runs);
  ensureWritable(runs, "--runs");
  const environment = withPlace(context.environment, options.snapshots);
  checkPlace(environment);
  // The commands beside this one need none of the roles.
  const { startLocalCluster } = await import("../../cluster/local-cluster.ts");
  const { setUpTelemetry } = await import("../../telemetry/telemetry.ts");
  const telemetry = setUpTelemetry({
    node: "local",
    runsFolder: runs,
    traceFiles: options.trace,
    environment: context.environment,
    onFailure: (error) => output.line(`tracing to files stopped: ${describeError(error)}`),
  });
  const cluster = await startLocalCluster({
    workers: options.workers,
    servers: options.servers,
    runsFolder: runs,
    dataFolder: options.data ?? context.environment["SHOAL_DATA"],
    environment,
    log: (sentence) => output.line(sentence),
  });
  try {
    const run = await training.begin(cluster);
    output.line(training.title);
    const interrupted = onInterrupt(() => cancelRun(cluster.system, cluster.coordinator, run));
    try {
      sayResult(await showRun(cluster.system, cluster.coordinator, run, output), output);
    } catch (error) {
      if (interrupted()) context.exit(interruptedExitCode);
      else throw error;
      output.line("stopped by Ctrl-C");
      return;
    }
    await telemetry.flush();
    if (options.trace) output.line(`trace          ${join(runs, run, "trace")}`);
    training.sayNext(run, output);
  } finally {
    await cluster.close();
    await telemetry.close();
  }
}

function sayNext(shoal: string, file: string, traced: string | null, output: Output): void {
  const next: readonly (readonly [command: string, what: string])[] = [
    ...(traced === null ? [] : [[`${shoal} trace ${traced}`, "a file for ui.perfetto.dev"] as const]),
    [`${shoal} train ${file} --mode asynchronous`, "no waiting, some staleness"],
    [`${shoal} up --workers 2 --servers 2`, "the same actors as processes"],
  ];
  const width = Math.max(...next.map(([command]) => command.length));
  output.line();
  output.line("What to try next:");
  for (const [command, what] of next) output.line(`  ${command.padEnd(width)}  ${what}`);
}

/** Cancels once on Ctrl-C; a second Ctrl-C ends the process at once. */
function onInterrupt(cancel: () => Promise<unknown>): () => boolean {
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interrupted) process.exit(interruptedExitCode);
      interrupted = true;
      // What does not stop in time is left behind: a process that is asked to end must end.
      setTimeout(() => process.exit(interruptedExitCode), 1_500).unref();
      void cancel().catch(() => process.exit(interruptedExitCode));
    });
  }
  return () => interrupted;
}
