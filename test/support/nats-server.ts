/** A real nats-server for tests: on loopback, on a port of its own choosing, gone with its scope. */
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, writeFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export interface NatsServerOptions {
  /** JetStream with its store in a temporary folder: true by default. */
  readonly jetstream?: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Whether it listens for WebSockets, too; not by default. */
  readonly websocket?: boolean;
}

export interface NatsServer extends AsyncDisposable {
  /** `127.0.0.1:port`; the same after a restart. */
  readonly address: string;
  readonly port: number;
  /** `ws://127.0.0.1:port`, where it was asked for; the same after a restart. */
  readonly websocket: string;
  /** What the server wrote, at most its last 64 KiB. */
  log(): string;
  /** Ends the server at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and store. */
  restart(): Promise<void>;
}

/** URLs, or ports: of TCP and WebSocket. */
interface Doors {
  readonly nats: string;
  readonly websocket: string;
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
  let child = launch(binary, folder, options, { nats: "-1", websocket: "-1" }, written);
  let doors: Doors;
  try {
    doors = await readDoors(child, folder, written);
  } catch (error) {
    await end(child, "SIGKILL");
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const ports = { nats: new URL(doors.nats).port, websocket: doors.websocket && new URL(doors.websocket).port };
  return {
    address: `127.0.0.1:${ports.nats}`,
    port: Number(ports.nats),
    websocket: `ws://127.0.0.1:${ports.websocket}`,
    log: () => written.join(""),
    kill: () => end(child, "SIGKILL"),
    async restart() {
      child = launch(binary, folder, options, ports, written);
      await readDoors(child, folder, written);
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
  ports: Doors,
  written: string[],
): ChildProcess {
  const { jetstream = true, user, password, token, websocket = false } = options;
  const flags = ["-a", "127.0.0.1", "-p", ports.nats, "--ports_file_dir", folder];
  if (websocket) {
    const file = join(folder, "websocket.conf");
    writeFileSync(file, `websocket { listen: "127.0.0.1:${ports.websocket}", no_tls: true }\n`);
    flags.push("-c", file);
  }
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
async function readDoors(child: ChildProcess, folder: string, written: string[]): Promise<Doors> {
  const suffix = `_${String(child.pid)}.ports`;
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  for (const endAt = Date.now() + startLimitMs; Date.now() < endAt; await pause(20)) {
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null) break;
    const name = (await readdir(folder)).find((file) => file.endsWith(suffix));
    const doors = name === undefined ? undefined : parseDoors(await readFile(join(folder, name), "utf8"));
    if (doors !== undefined) return doors;
  }
  throw new Error(`nats-server did not listen within ${String(startLimitMs)} ms:\n${written.join("")}`);
}

/** Undefined while the file is half written. */
function parseDoors(text: string): Doors | undefined {
  try {
    const { nats, websocket } = JSON.parse(text) as { nats?: readonly string[]; websocket?: readonly string[] };
    return nats?.[0] === undefined ? undefined : { nats: nats[0], websocket: websocket?.[0] ?? "" };
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
