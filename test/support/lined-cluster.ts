/** A cluster of processes whose workers reach the server over a slow line: real gRPC, a real nats-server. */
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { connectToCluster, failureOf, followRun, loadJob, submitRun, type RunStatus } from "shoal";
import { startNatsServer } from "./nats-server.ts";
import { createWorkplace, startCommand, type Command } from "./shoal-command.ts";
import type { SlowLine } from "./slow-line.ts";

export interface LinedClusterOptions {
  readonly line: SlowLine;
  readonly workers: number;
  /** Folder of data sets; default: that of the environment. */
  readonly data?: string | undefined;
}

export interface LinedCluster extends AsyncDisposable {
  /** Runs a job to its end. @throws ShoalError what it failed with */
  complete(job: object): Promise<RunStatus>;
}

export async function startLinedCluster({ line, workers, data }: LinedClusterOptions): Promise<LinedCluster> {
  await using stack = new AsyncDisposableStack();
  const workplace = stack.use(createWorkplace());
  const token = crypto.randomUUID();
  const nats = stack.use(await startNatsServer({ token }));
  const here = `nats://127.0.0.1:${String(nats.port)}`;
  const environment = { SHOAL_TOKEN: token, SHOAL_NATS: here, SHOAL_CLUSTER: "lined" };
  const start = async (args: readonly string[], through: readonly string[] = []): Promise<Command> => {
    const command = stack.use(startCommand(args, { workplace, environment, through }));
    await command.waitFor(/ serves cluster /);
    return command;
  };
  await start(["coordinator"]);
  await start(["server", "--node", "server-1", ...line.serverOptions]);
  const there = await line.nats(nats.port);
  const folder = data === undefined ? [] : ["--data", data];
  await Promise.all(
    Array.from({ length: workers }, (_, index) =>
      start(["worker", "--node", `worker-${String(index + 1)}`, "--nats", there, ...folder], line.through),
    ),
  );
  const connection = await connectToCluster({ cluster: "lined", nats: here, token });
  stack.defer(() => connection.close());
  const started = stack.move();
  const { system, coordinator } = connection;
  return {
    async complete(job) {
      const file = join(workplace.folder, "job.json");
      writeFileSync(file, JSON.stringify(job));
      const run = await submitRun(system, coordinator, await loadJob(file), crypto.randomUUID());
      let last: RunStatus | undefined;
      for await (const status of followRun(system, coordinator, run)) last = status;
      if (last === undefined) throw new Error(`nothing was said of ${run}`);
      const failure = failureOf(last);
      if (failure !== null) throw failure;
      return last;
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
