/** A real nats-server for tests: on loopback, on a port of its own choosing, gone with its scope. */
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export interface NatsServerOptions {
  /** JetStream with its store in a temporary folder: true by default. */
  readonly jetstream?: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
}

export interface NatsServer extends AsyncDisposable {
  /** `127.0.0.1:port`; the same after a restart. */
  readonly address: string;
  readonly port: number;
  /** What the server wrote, at most its last 64 KiB. */
  log(): string;
  /** Ends the server at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and store. */
  restart(): Promise<void>;
}

const startLimitMs = 10_000;
const logLimit = 64 * 1024;

/** Path of nats-server: NATS_SERVER_BIN, else from PATH; undefined when there is none. */
export function findNatsServer(): string | undefined {
  const chosen = process.env["NATS_SERVER_BIN"];
  if (chosen !== undefined && chosen !== "") return chosen;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/bin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "nats-server"))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a server and waits until it listens. @throws Error saying what to install when nats-server is missing */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const binary = findNatsServer();
  if (binary === undefined) {
    throw new Error("nats-server is missing: install it (Debian: apt-get install nats-server) or set NATS_SERVER_BIN");
  }
  const folder = await mkdtemp(join(tmpdir(), "shoal-nats-"));
  const written: string[] = [];
  let child = launch(binary, folder, options, "-1", written);
  let port: number;
  try {
    port = await readPort(child, folder, written);
  } catch (error) {
    await end(child, "SIGKILL");
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    address: `127.0.0.1:${String(port)}`,
    port,
    log: () => written.join(""),
    kill: () => end(child, "SIGKILL"),
    async restart() {
      child = launch(binary, folder, options, String(port), written);
      await readPort(child, folder, written);
    },
    async [Symbol.asyncDispose]() {
      await end(child, "SIGTERM");
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function launch(
  binary: string,
  folder: string,
  options: NatsServerOptions,
  port: string,
  written: string[],
): ChildProcess {
  const { jetstream = true, user, password, token } = options;
  const flags = ["-a", "127.0.0.1", "-p", port, "--ports_file_dir", folder];
  if (jetstream) flags.push("-js", "-sd", join(folder, "store"));
  if (user !== undefined) flags.push("--user", user, "--pass", password ?? "");
  if (token !== undefined) flags.push("--auth", token);
  const child = spawn(binary, flags, { stdio: ["ignore", "pipe", "pipe"] });
  const keep = (chunk: Buffer): void => {
    const kept = (written.join("") + chunk.toString()).slice(-logLimit);
    written.splice(0, written.length, kept);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  return child;
}

/** The server writes `nats-server_<pid>.ports` once it listens. */
async function readPort(child: ChildProcess, folder: string, written: string[]): Promise<number> {
  const suffix = `_${String(child.pid)}.ports`;
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  for (const endAt = Date.now() + startLimitMs; Date.now() < endAt; await pause(20)) {
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null) break;
    const name = (await readdir(folder)).find((file) => file.endsWith(suffix));
    const port = name === undefined ? undefined : parsePort(await readFile(join(folder, name), "utf8"));
    if (port !== undefined) return port;
  }
  throw new Error(`nats-server did not listen within ${String(startLimitMs)} ms:\n${written.join("")}`);
}

/** Undefined while the file is half written. */
function parsePort(text: string): number | undefined {
  try {
    const { nats } = JSON.parse(text) as { nats?: readonly string[] };
    return nats?.[0] === undefined ? undefined : Number(new URL(nats[0]).port);
  } catch {
    return undefined;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => {
    resolve();
  });
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
  await promise;
  clearTimeout(timer);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
