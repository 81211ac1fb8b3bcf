/** Commands about runs on a cluster that is up: `submit`, `status`, `why`, `cancel`, `trace`, `rounds`. */
import { createWriteStream } from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { ShoalError } from "@shoal/errors";
import { describeCluster } from "../../cluster/explain-run.ts";
import { cancelRun, describeRun, hasEnded, submitRun } from "../../cluster/follow-run.ts";
import { commandName } from "../../environment/command-name.ts";
import { runsFolder } from "../../environment/folders.ts";
import { chromeTrace, earliest } from "../../trace/chrome-trace.ts";
import { readTrace } from "../../trace/read-trace.ts";
import type { CommandContext } from "../command-line.ts";
import { addJobOverrides, overridesOf, type JobOverrideOptions } from "../options.ts";
import { sayResult, showRun } from "../show-run.ts";
import { sayStatus } from "../status-text.ts";
import { connected, withCluster, type ConnectedOptions } from "./connected-command.ts";
import { addRounds } from "./rounds-command.ts";
import { addWhy } from "./why-command.ts";

export function addRunCommands(program: Command, context: CommandContext): void {
  addSubmit(program, context);
  addStatus(program, context);
  addWhy(program, context);
  connected(program.command("cancel"))
    .description("stop a run")
    .argument("<run>", "name of the run")
    .action((run: string, options: ConnectedOptions) =>
      withCluster(options, context, async ({ system, coordinator }) => {
        const status = await cancelRun(system, coordinator, run);
        const output = context.output(options.json);
        output.value({ type: "cancelling", run, phase: status.phase });
        output.line(hasEnded(status) ? `${run} has ended: ${status.phase}` : `asked to stop ${run}`);
      }),
    );
  addTrace(program, context);
  addRounds(program, context);
}

function addSubmit(program: Command, context: CommandContext): void {
  const command = connected(program.command("submit"))
    .description("train a job on a cluster and follow it to its end")
    .argument("<job>", "a job: .ts, .js, .json or .yaml")
    .option("--detach", "print the run's name and do not follow it");
  addJobOverrides(command).action(
    async (file: string, options: ConnectedOptions & JobOverrideOptions & { readonly detach?: boolean }) => {
      const { loadJob } = await import("../../job/load-job.ts");
      const job = await loadJob(file, overridesOf(options));
      const output = context.output(options.json);
      const shoal = commandName(context.environment);
      await withCluster(options, context, async ({ system, coordinator }) => {
        const run = await submitRun(system, coordinator, job, crypto.randomUUID());
        output.value({ type: "submitted", run });
        const isFollowed = options.detach !== true;
        output.line(
          `${run} is submitted; ${isFollowed ? "Ctrl-C stops following, " : ""}\`${shoal} cancel ${run}\` stops the run`,
        );
        if (job.federated !== null) output.line(`clients take part through \`${shoal} edge\``);
        if (!isFollowed) return;
        sayResult(await showRun(system, coordinator, run, output), output);
        output.line(`trace          ${shoal} trace ${run}`);
      });
    },
  );
}

function addStatus(program: Command, context: CommandContext): void {
  connected(program.command("status"))
    .description("show members and runs of a cluster")
    .argument("[run]", "show this run alone")
    .action((run: string | undefined, options: ConnectedOptions) =>
      withCluster(options, context, async ({ system, coordinator }) => {
        const output = context.output(options.json);
        if (run !== undefined) {
          const status = await describeRun(system, coordinator, run);
          output.value(status);
          sayStatus({ members: [], runs: [status] }, output);
          return;
        }
        const status = await describeCluster(system, coordinator);
        output.value(status);
        sayStatus(status, output);
      }),
    );
}

function addTrace(program: Command, context: CommandContext): void {
  program
    .command("trace")
    .description("turn a run's spans into a file that ui.perfetto.dev and chrome://tracing open")
    .argument("<run>", "name of the run, as `train` and `submit` print it")
    .option("--runs <FOLDER>", "where the run's files are (SHOAL_RUNS; default .shoal/runs)")
    .option("--out <FILE>", "file to write; default RUN.trace.json")
    .option("--json", "one JSON value a line, for machines")
    .action(async (run: string, options: { runs?: string; out?: string; json?: boolean }) => {
      const folder = join(runsFolder(context.environment, options.runs), run);
      const file = resolve(options.out ?? `${run}.trace.json`);
      const origin = await earliest(readTrace(folder));
      try {
        await pipeline(chromeTrace(readTrace(folder), origin), createWriteStream(file));
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).syscall !== "open") throw cause;
        throw new ShoalError(
          "file_not_writable",
          `cannot write ${file}; choose another with --out`,
          { file },
          { cause },
        );
      }
      const output = context.output(options.json);
      output.value({ type: "trace", run, file });
      output.line(`wrote ${file}; open it at https://ui.perfetto.dev`);
    });
}
