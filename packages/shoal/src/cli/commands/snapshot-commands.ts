/** Commands about snapshots: `snapshot`, `runs`, `resume`. */
import { counted } from "@shoal/errors";
import type { Command } from "commander";
import type { SnapshotStore } from "@shoal/protocol";
import { resolveCluster } from "../../cluster/cluster-address.ts";
import { connectToCluster } from "../../cluster/cluster-connection.ts";
import { resumeRun, takeSnapshot } from "../../cluster/follow-run.ts";
import { refuseSecondAttempt } from "../../cluster/refuse-second-attempt.ts";
import { commandName } from "../../environment/command-name.ts";
import { runsFolder } from "../../environment/folders.ts";
import { keptJob } from "../../snapshots/kept-job.ts";
import { listRuns, type KeptRun } from "../../snapshots/list-runs.ts";
import { openSnapshotStore, placesText, withPlace } from "../../snapshots/open-store.ts";
import type { CommandContext } from "../command-line.ts";
import { sayResult, showRun } from "../show-run.ts";
import { sizeText } from "../size-text.ts";
import { connected, withCluster, type ConnectedOptions } from "./connected-command.ts";
import { addInProcessOptions, trainInProcess, type InProcessOptions } from "./train-command.ts";

/** How long a snapshot that somebody waits for may take, ms. */
const snapshotLimitMs = 600_000;

export function addSnapshotCommands(program: Command, context: CommandContext): void {
  addSnapshot(program, context);
  addRuns(program, context);
  addResume(program, context);
}

function addSnapshot(program: Command, context: CommandContext): void {
  connected(program.command("snapshot"))
    .description("write a run down as it is; it goes on meanwhile")
    .argument("<run>", "name of the run")
    .action((run: string, options: ConnectedOptions) =>
      withCluster(options, context, async ({ system, coordinator }) => {
        const { snapshots } = await takeSnapshot(system, coordinator, run, snapshotLimitMs);
        const output = context.output(options.json);
        const newest = snapshots?.newest ?? null;
        output.value({ type: "snapshot", run, ...newest });
        if (newest === null) return;
        output.line(`${newest.snapshot}: step ${newest.step}, ${sizeText(newest.bytes)}`);
        output.line(`${commandName(context.environment)} resume ${run} goes on from it`);
      }),
    );
}

interface RunsOptions extends ConnectedOptions {
  readonly runs?: string;
  readonly snapshots?: string;
}

function addRuns(program: Command, context: CommandContext): void {
  connected(program.command("runs"))
    .description("list the runs that left snapshots, the newest first")
    .option("--runs <FOLDER>", "where the runs' files are (SHOAL_RUNS; default .shoal/runs)")
    .option("--snapshots <PLACE>", placesText)
    .action(async (options: RunsOptions) => {
      const output = context.output(options.json);
      await withStore(options, context, async (store) => {
        const runs = await listRuns(store);
        for (const run of runs) {
          output.value({ type: "run", ...run });
          output.line(runText(run));
        }
        if (runs.length === 0) output.line(`no run has left a snapshot in ${store.place}`);
      });
    });
}

/** Only what is kept on a cluster's NATS needs the cluster. */
async function withStore(
  options: RunsOptions,
  context: CommandContext,
  use: (store: SnapshotStore) => Promise<void>,
): Promise<void> {
  const environment = withPlace(context.environment, options.snapshots);
  const folder = runsFolder(environment, options.runs);
  if (environment["SHOAL_SNAPSHOTS"]?.startsWith("nats:") !== true) {
    await use(openSnapshotStore({ runsFolder: folder, environment, nats: undefined }));
    return;
  }
  const connection = await connectToCluster(resolveCluster(options, environment));
  try {
    await use(openSnapshotStore({ runsFolder: folder, environment, nats: connection.nats }));
  } finally {
    await connection.close();
  }
}

function runText({ run, atMs, step, loss, phase, bytes, snapshots, problem }: KeptRun): string {
  const when = atMs === null ? "" : new Date(atMs).toISOString().slice(0, 19).replace("T", " ");
  const state = phase === null ? (problem ?? "") : `${phase}, step ${step ?? 0}`;
  const figures = `${loss === null ? "" : `loss ${loss.toFixed(4)}, `}${counted(snapshots.length, "snapshot")}, ${sizeText(bytes)}`;
  return `${run.padEnd(34)} ${when.padEnd(19)}  ${state}, ${figures}`;
}

interface ResumeOptions extends ConnectedOptions, InProcessOptions {
  readonly from?: string;
  readonly detach?: boolean;
  readonly inProcess?: boolean;
}

function addResume(program: Command, context: CommandContext): void {
  const command = connected(program.command("resume"))
    .description("go on with a run from a snapshot, on the workers and servers that are there now")
    .argument("<run>", "name of the run")
    .option("--from <SNAPSHOT>", "which snapshot; default: the newest")
    .option("--detach", "do not follow the run")
    .option("--in-process", "in this process, as `train` does; otherwise on a cluster that is up");
  addInProcessOptions(command, false).action((run: string, options: ResumeOptions) =>
    options.inProcess === true ? resumeHere(run, options, context) : resumeThere(run, options, context),
  );
}

async function resumeThere(run: string, options: ResumeOptions, context: CommandContext): Promise<void> {
  const output = context.output(options.json);
  await withCluster(options, context, async ({ system, coordinator }) => {
    await resumeRun(system, coordinator, run, options.from ?? null, crypto.randomUUID());
    output.value({ type: "resumed", run });
    output.line(options.detach === true ? `${run} goes on` : `${run} goes on; Ctrl-C stops following`);
    if (options.detach !== true) sayResult(await showRun(system, coordinator, run, output), output);
  });
}

async function resumeHere(run: string, options: ResumeOptions, context: CommandContext): Promise<void> {
  const { workers, servers } = options;
  await refuseSecondAttempt(run, context.environment);
  await refuseClientsJob(run, options, context);
  await trainInProcess(options, context, {
    title: `${run} goes on with ${counted(workers, "worker")} and ${counted(servers, "server")}, in this process`,
    begin: ({ system, coordinator }) => resumeRun(system, coordinator, run, options.from ?? null, crypto.randomUUID()),
    sayNext: () => undefined,
  });
}

/** @throws ShoalError invalid_argument - clients train the run's job, and none can reach this process */
async function refuseClientsJob(run: string, options: ResumeOptions, context: CommandContext): Promise<void> {
  const environment = withPlace(context.environment, options.snapshots);
  const folder = runsFolder(environment, options.runs);
  const job = await keptJob(openSnapshotStore({ runsFolder: folder, environment, nats: undefined }), run);
  if (job === undefined) return;
  const { refuseFederated } = await import("../../cluster/local-cluster.ts");
  const shoal = commandName(context.environment);
  refuseFederated(job, `\`${shoal} up\`, \`${shoal} resume ${run}\` and \`${shoal} edge\``);
}
