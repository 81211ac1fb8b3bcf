/**
 * The life of a role's process: telemetry, a connection to the cluster, the role, and an orderly end when the parent,
 * a signal or the loss of the parent asks for it.
 */
import { connectToCluster, type ClusterConnection } from "../cluster/cluster-connection.ts";
import { requireToken } from "../cluster/cluster-address.ts";
import { reportReady, stopRequested } from "../cluster/parent-watch.ts";
import type { Environment } from "../environment/folders.ts";
import { observeMailboxes } from "../telemetry/mailbox-metrics.ts";
import { setUpTelemetry } from "../telemetry/telemetry.ts";

export interface RoleOptions {
  readonly node: string;
  readonly cluster: string;
  readonly nats: string;
  readonly runsFolder: string;
  readonly environment: Environment;
  readonly log: (sentence: string) => void;
}

/** What a role is once it runs. */
export interface RunningRole {
  /** For the parent process, such as the endpoint that was chosen. */
  readonly detail: Readonly<Record<string, string>>;
  /** Settles when the node is a member. The process waits for it without end: the coordinator may come later. */
  readonly joined: Promise<unknown>;
  /** Settles with the reason when the role ends by itself; left out where it never does. */
  readonly ended?: Promise<string>;
  /** Ends with what is under way, or gives what this node holds to others; left out where that needs no time. */
  readonly drain?: () => Promise<void>;
  close(): Promise<void>;
}

/** An orderly end that takes longer is cut off: whoever asked must not wait. */
const closeLimitMs = 1_500;
/** How long a node that was told to terminate waits until others have what it holds: below what containers are given. */
const drainLimitMs = 8_000;

/** A node that waits for longer than this for its first welcome says so, once; it goes on asking. */
const welcomeLimitMs = 10_000;

function unwelcomeText({ node, cluster }: RoleOptions): string {
  return (
    `${node} has not been welcomed after ${welcomeLimitMs / 1000} s and goes on asking: ` +
    `does cluster ${cluster} have a coordinator, of this version of shoal?`
  );
}

/** Runs a role until it is asked to stop; settles when everything is closed. */
export async function runRole(
  options: RoleOptions,
  start: (connection: ClusterConnection, token: string) => Promise<RunningRole>,
): Promise<void> {
  const stop = stopRequested();
  const token = requireToken(options.environment);
  const telemetry = setUpTelemetry({
    node: options.node,
    runsFolder: options.runsFolder,
    traceFiles: true,
    environment: options.environment,
    onFailure: (error) => options.log(`tracing to files stopped: ${String(error)}`),
  });
  const connection = await connectToCluster({ ...options, token }, options.node, options.log);
  observeMailboxes(connection.system);
  const role = await start(connection, token);
  options.log(`${options.node} asks the coordinator of cluster ${options.cluster} for its membership`);
  const unwelcome = setTimeout(() => options.log(unwelcomeText(options)), welcomeLimitMs);
  void role.joined.then(() => {
    clearTimeout(unwelcome);
    reportReady(role.detail);
    options.log(`${options.node} serves cluster ${options.cluster}`);
  });
  const reason = await (role.ended === undefined ? stop : Promise.race([stop, role.ended]));
  clearTimeout(unwelcome);
  options.log(`${options.node} stops: ${reason}`);
  if (reason === "SIGTERM" && role.drain !== undefined) await drain(role.drain, options);
  setTimeout(() => process.exit(0), closeLimitMs).unref();
  await role.close();
  await connection.close();
  await telemetry.close();
}

/** Bounded: whoever cannot be told, or has nobody to give to, goes without. */
async function drain(begin: () => Promise<void>, { node, log }: RoleOptions): Promise<void> {
  log(`${node} leaves: it ends with what it has begun, and gives what it holds to others`);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<string>((resolve) => {
    timer = setTimeout(
      () => resolve(`goes after ${drainLimitMs} ms without having been told that it may`),
      drainLimitMs,
    );
  });
  const outcome = await Promise.race([begin().then(() => "may go"), limit]);
  clearTimeout(timer);
  log(`${node} ${outcome}`);
}
