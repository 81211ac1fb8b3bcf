/** A cluster whose every node is a process of its own that a test kills, stops, restarts and cuts off. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import {
  connectToCluster,
  describeRun,
  failureOf,
  followRun,
  loadJob,
  submitRun,
  type ClusterConnection,
  type RunStatus,
} from "shoal";
import { startNatsServer, type NatsServer } from "./nats-server.ts";
import { createWorkplace, startCommand, type Command, type Workplace } from "./shoal-command.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const token = "killed-and-back";

export interface KillableClusterOptions {
  readonly workers: number;
  readonly servers: number;
  /** 2: one leads, one waits. 1 by default. */
  readonly coordinators?: number;
  /** Nodes whose lines go through proxies: all to NATS, and with servers also those that come to them. */
  readonly behindProxies?: readonly string[];
  /** What the lines to servers behind proxies add to each way, ms: training lasts, whatever the machine. */
  readonly latencyMs?: number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** The lines of a node. */
export interface NodeLines {
  readonly nats: TcpProxy;
  /** Workers and servers that come to it; servers only. */
  readonly data: TcpProxy | undefined;
}

export interface KillableCluster extends AsyncDisposable {
  readonly workplace: Workplace;
  readonly nats: NatsServer;
  readonly connection: ClusterConnection;
  /** Folder of the runs' models and traces. */
  readonly runs: string;
  /** What the coordinators wrote, in the order of time. @param sinceMs ms since 1970 */
  log(sinceMs?: number): string;
  /** @throws Error when no node of this name runs */
  node(name: string): Command;
  linesOf(name: string): NodeLines;
  /** Starts a node (`server-1`, `worker-2`, `coordinator`, `coordinator-2`) that does not run; settles when it serves. */
  start(name: string): Promise<void>;
  /** A node more, of a name that was not there at the start. */
  add(name: string): Promise<void>;
  /** SIGTERM: a notice of leaving. Settles when the process is gone, with its exit code or the signal's name. */
  leave(name: string): Promise<number | string>;
  /** Ids of the processes that run now, by node. */
  pids(): ReadonlyMap<string, number>;
  /** SIGKILL; settles when the process is gone, with the time of the signal in ms since 1970. */
  kill(name: string): Promise<number>;
  submit(job: object): Promise<string>;
  status(run: string): Promise<RunStatus>;
  /** Settles with the first status that satisfies the condition, or the last one of an ended run. */
  until(run: string, condition: (status: RunStatus) => boolean): Promise<RunStatus>;
  /** Settles with the final status; throws the run's error. */
  completed(run: string): Promise<RunStatus>;
  /** Ends all nodes in order, so that their traces are whole; the files stay until the cluster is disposed. */
  end(): Promise<void>;
}

export async function startKillableCluster(options: KillableClusterOptions): Promise<KillableCluster> {
  const workplace = createWorkplace();
  const nats = await startNatsServer({ token });
  const url = `nats://${nats.address}`;
  const environment = { ...options.environment, SHOAL_TOKEN: token };
  const nodes = new Map<string, Command>();
  const coordinators: Command[] = [];
  const lines = new Map<string, NodeLines>();
  const arguments_ = new Map<string, readonly string[]>();

  const prepare = async (name: string): Promise<void> => {
    const isServer = name.startsWith("server");
    const named = name.startsWith("coordinator") ? ["coordinator"] : [isServer ? "server" : "worker", "--node", name];
    if (options.behindProxies?.includes(name) !== true) {
      arguments_.set(name, [...named, "--nats", url]);
      return;
    }
    const port = isServer ? await freePort() : undefined;
    const data = port === undefined ? undefined : await startTcpProxy(port, { latencyMs: options.latencyMs ?? 0 });
    const line = { nats: await startTcpProxy(nats.port), data };
    lines.set(name, line);
    const listen = data === undefined ? [] : ["--listen", `127.0.0.1:${port}`, "--advertise", data.endpoint];
    arguments_.set(name, [...named, "--nats", `nats://${line.nats.endpoint}`, ...listen]);
  };
  const start = async (name: string): Promise<void> => {
    const command = startCommand(arguments_.get(name) ?? [], { workplace, environment });
    nodes.set(name, command);
    const isCoordinator = name.startsWith("coordinator");
    if (isCoordinator) coordinators.push(command);
    await command.waitFor(/serves cluster/);
  };
  const node = (name: string): Command => {
    const found = nodes.get(name);
    if (found === undefined) throw new Error(`no node ${name} runs`);
    return found;
  };
  const names = (role: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${role}-${i + 1}`);
  const standbys = names("coordinator", options.coordinators ?? 1).slice(1);
  const roles = [...names("server", options.servers), ...names("worker", options.workers)];
  await Promise.all(["coordinator", ...standbys, ...roles].map(prepare));
  await start("coordinator");
  await Promise.all([...standbys, ...roles].map(start));
  const connection = await connectToCluster({ cluster: "shoal", nats: url, token });
  const { system, coordinator } = connection;
  const end = async (): Promise<void> => {
    const last = (name: string): number => (name.startsWith("coordinator") ? 1 : 0);
    for (const order of [0, 1]) {
      const ending = [...nodes].filter(([name]) => last(name) === order);
      for (const [, command] of ending) {
        command.process.kill("SIGCONT");
        // Not SIGTERM, which is a notice of leaving: all go at once, and nobody is left to give anything to.
        command.process.kill("SIGINT");
      }
      await Promise.all(ending.map(([, { process, ended }]) => endWithin(process, ended)));
      for (const [name] of ending) nodes.delete(name);
    }
  };
  return {
    workplace,
    nats,
    connection,
    runs: join(workplace.folder, "runs"),
    log: (sinceMs = 0) =>
      coordinators
        .flatMap((each) => each.text().split("\n"))
        .filter((line) => Date.parse(line.slice(0, line.indexOf(" "))) >= sinceMs)
        .toSorted()
        .join("\n"),
    node,
    linesOf: (name) => {
      const found = lines.get(name);
      if (found === undefined) throw new Error(`${name} is not behind proxies`);
      return found;
    },
    start,
    async add(name) {
      await prepare(name);
      await start(name);
    },
    async leave(name) {
      const { process, ended } = node(name);
      process.kill("SIGTERM");
      const code = await ended;
      nodes.delete(name);
      return code;
    },
    pids: () => new Map([...nodes].map(([name, { pid }]) => [name, pid])),
    async kill(name) {
      const { process, ended } = node(name);
      const atMs = Date.now();
      process.kill("SIGKILL");
      await ended;
      nodes.delete(name);
      return atMs;
    },
    async submit(job) {
      const file = join(workplace.folder, "job.json");
      writeFileSync(file, JSON.stringify(job));
      return await submitRun(system, coordinator, await loadJob(file), crypto.randomUUID());
    },
    status: (run) => describeRun(system, coordinator, run),
    async until(run, condition) {
      for await (const status of followRun(system, coordinator, run)) if (condition(status)) return status;
      return await describeRun(system, coordinator, run);
    },
    async completed(run) {
      let last: RunStatus | undefined;
      for await (const status of followRun(system, coordinator, run)) last = status;
      const failure = last === undefined ? null : failureOf(last);
      if (failure !== null || last === undefined) throw failure ?? new Error(`run ${run} has no status`);
      return last;
    },
    end,
    async [Symbol.asyncDispose]() {
      await connection.close();
      await end();
      for (const { nats: toNats, data } of lines.values()) await Promise.all([toNats.close(), data?.close()]);
      await nats[Symbol.asyncDispose]();
      workplace[Symbol.dispose]();
    },
  };
}

async function endWithin(process: Command["process"], ended: Promise<unknown>): Promise<void> {
  const timer = setTimeout(() => process.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}

/** A port that nobody listens on. Somebody may take it before its user does: rare, and then the node's start says so. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
