/**
 * Runs a nats-server of our own: on loopback, on a port that it chooses, with JetStream and a token. All its files
 * stand in one temporary folder that is removed with it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";

const startDeadlineMs = 10_000;
const stopDeadlineMs = 1_000;

export interface NatsServer {
  readonly url: string;
  readonly pid: number;
  /** Its files; removed when it is stopped. */
  readonly folder: string;
  /** Settles when the process has ended, wanted or not, with a phrase on how. */
  readonly exited: Promise<string>;
  /** Ends the process and removes its files; settles when the port is free. */
  stop(): Promise<void>;
}

/** @throws ShoalError missing_tool - says how to install it */
export function findNatsServer(environment: Environment): string {
  const named = environment["NATS_SERVER_BIN"];
  const places = (environment["PATH"] ?? "").split(delimiter);
  const candidates =
    named === undefined ? [...places, "/usr/sbin"].map((place) => join(place, "nats-server")) : [named];
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new ShoalError(
    "missing_tool",
    named === undefined
      ? "nats-server is not installed. On Debian or Ubuntu: apt-get install nats-server; elsewhere see https://docs.nats.io; " +
          "or set NATS_SERVER_BIN to its path. `shoal train` needs none."
      : `NATS_SERVER_BIN names ${named}, which cannot be executed`,
    { tool: "nats-server" },
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @throws ShoalError missing_tool - no nats-server on this machine
 * @throws ShoalError port_in_use, internal - it ended at once; the message has its last words
 */
export async function startNatsServer(options: {
  readonly token: string;
  readonly environment: Environment;
  /** -1 lets it choose. */
  readonly port: number;
}): Promise<NatsServer> {
  const program = findNatsServer(options.environment);
  const folder = mkdtempSync(join(tmpdir(), "shoal-nats-"));
  const config = join(folder, "nats.conf");
  writeFileSync(config, configuration(folder, options.token, options.port), { mode: 0o600 });
  const child = spawn(program, ["-c", config], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const lastWords = keepTail(child);
  const exited = new Promise<string>((resolve) =>
    child.once("close", (code, signal) =>
      resolve(signal === null ? `it ended with code ${String(code)}` : `it was ended by ${signal}`),
    ),
  );
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await Promise.race([exited, delay(stopDeadlineMs, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const url = await Promise.race([
      waitForPort(folder),
      exited.then(() => Promise.reject(startError(lastWords(), options.port))),
    ]);
    return { url, pid: child.pid ?? 0, folder, exited, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The token stands in a file that only its user reads, not in the arguments that everybody can list. */
function configuration(folder: string, token: string, port: number): string {
  return [
    'listen: "127.0.0.1:' + String(port) + '"',
    `ports_file_dir: ${JSON.stringify(folder)}`,
    `authorization { token: ${JSON.stringify(token)} }`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))} }`,
    "",
  ].join("\n");
}

async function waitForPort(folder: string): Promise<string> {
  const deadline = Date.now() + startDeadlineMs;
  while (Date.now() < deadline) {
    const file = readdirSync(folder).find((name) => name.endsWith(".ports"));
    const url = file === undefined ? undefined : urlIn(join(folder, file));
    if (url !== undefined) return url;
    await delay(10);
  }
  throw new ShoalError("deadline_exceeded", `nats-server did not open a port within ${startDeadlineMs / 1000} s`, {
    waitedFor: "nats-server",
  });
}

/** The file may be half-written when it is first seen. */
function urlIn(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { nats?: string[] }).nats?.[0];
  } catch {
    return undefined;
  }
}

function startError(lastWords: string, port: number): ShoalError {
  return /address already in use/.test(lastWords)
    ? new ShoalError(
        "port_in_use",
        `port ${port} is taken by another process; leave --nats-port out to let it be chosen`,
        { port },
      )
    : new ShoalError("internal", `nats-server ended at once: ${lastWords}`);
}

/** Keeps the last 4 KiB of what the child writes to stderr. */
function keepTail(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (tail = (tail + text).slice(-4096)));
  return () => tail.trim();
}
