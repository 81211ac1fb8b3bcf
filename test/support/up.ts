/** A cluster of processes for tests that look at it from inside: `shoal up` with the ids of its processes. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectToCluster, resolveCluster, type ClusterConnection, type RunStatus } from "shoal";
import { describeRun, failureOf, followRun, loadJob, submitRun } from "shoal";
import { createWorkplace, startCommand, type Command, type Workplace } from "./shoal-command.ts";

export interface UpCluster extends AsyncDisposable {
  readonly workplace: Workplace;
  readonly up: Command;
  readonly nats: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly connection: ClusterConnection;
  /** Submits a job object and returns the run's name. */
  submit(job: object): Promise<string>;
  /** Settles with the first status that satisfies the condition, or the last one of an ended run. */
  until(run: string, condition: (status: RunStatus) => boolean): Promise<RunStatus>;
  /** Settles with the final status; throws the run's error. */
  completed(run: string): Promise<RunStatus>;
  /** Ends the cluster as Ctrl-C does; its files stay until it is disposed. */
  end(): Promise<void>;
}

export async function startUp(args: readonly string[]): Promise<UpCluster> {
  const workplace = createWorkplace();
  const up = startCommand(["up", "--json", ...args], { workplace });
  const [line] = await up.waitFor(/^\{"type":"up".*$/m);
  const { pids, nats } = JSON.parse(line) as { pids: Record<string, number>; nats: string };
  const connection = await connectToCluster(resolveCluster({}, workplace.environment));
  const { system, coordinator } = connection;
  return {
    workplace,
    up,
    nats,
    pids,
    connection,
    async submit(job) {
      const file = join(workplace.folder, "job.json");
      writeFileSync(file, JSON.stringify(job));
      return await submitRun(system, coordinator, await loadJob(file), crypto.randomUUID());
    },
    async until(run, condition) {
      for await (const status of followRun(system, coordinator, run)) if (condition(status)) return status;
      return await describeRun(system, coordinator, run);
    },
    async completed(run) {
      let last: RunStatus | undefined;
      for await (const status of followRun(system, coordinator, run)) last = status;
      const failure = failureOf(last!);
      if (failure !== null) throw failure;
      return last!;
    },
    async end() {
      await connection.close();
      up.process.kill("SIGINT");
      const code = await up.ended;
      if (code !== 0) throw new Error(`shoal up ended with ${String(code)}: ${up.text()}`);
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      await up[Symbol.asyncDispose]();
      workplace[Symbol.dispose]();
    },
  };
}

/** Everything behind the header of a safetensors file: the header holds the run's name. */
export function tensorBytes(file: string): Buffer {
  const bytes = readFileSync(file);
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
}
