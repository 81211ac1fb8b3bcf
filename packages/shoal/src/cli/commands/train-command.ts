/** `shoal train JOB`: the whole cluster in this process. */
import { join } from "node:path";
import type { Command } from "commander";
import { startLocalCluster, withAllWorkers } from "../../cluster/local-cluster.ts";
import { cancelRun, submitRun } from "../../cluster/follow-run.ts";
import { commandName } from "../../environment/command-name.ts";
import { ensureWritable, runsFolder } from "../../environment/folders.ts";
import { loadJob } from "../../job/load-job.ts";
import { setUpTelemetry } from "../../telemetry/telemetry.ts";
import type { CommandContext } from "../command-line.ts";
import { addJobOverrides, count, counted, overridesOf, type JobOverrideOptions } from "../options.ts";
import { describeError, type Output } from "../output.ts";
import { sayResult, showRun } from "../show-run.ts";

interface TrainOptions extends JobOverrideOptions {
  readonly workers: number;
  readonly servers: number;
  readonly data?: string;
  readonly runs?: string;
  readonly trace: boolean;
  readonly json?: boolean;
}

const interruptedExitCode = 130;

export function addTrainCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("train")
    .description("train a job in this process, with all roles as actors in it")
    .argument("<job>", "a job: .ts, .js, .json or .yaml")
    .option("--workers <N>", "workers, each with a compute thread", count, 2)
    .option("--servers <N>", "parameter servers", count, 2)
    .option("--data <FOLDER>", "where the data set is (SHOAL_DATA)")
    .option("--runs <FOLDER>", "where models and traces go (SHOAL_RUNS; default .shoal/runs)")
    .option("--no-trace", "do not write a trace file")
    .option("--json", "one JSON value a line, for machines");
  addJobOverrides(command).action(async (job: string, options: TrainOptions) => {
    await train(job, options, context);
  });
}

async function train(file: string, options: TrainOptions, context: CommandContext): Promise<void> {
  const output = context.output(options.json);
  const job = withAllWorkers(await loadJob(file, overridesOf(options)), options.workers);
  const runs = runsFolder(context.environment, options.runs);
  ensureWritable(runs, "--runs");
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
    environment: context.environment,
    log: (sentence) => output.line(sentence),
  });
  try {
    output.line(
      `${job.name}: ${counted(options.workers, "worker")}, ${counted(options.servers, "server")}, ${job.consistency.mode}, in this process`,
    );
    const run = await submitRun(cluster.system, cluster.coordinator, job, crypto.randomUUID());
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
    sayNext(commandName(context.environment), file, options.trace ? run : null, output);
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
