/** Runs a nats-server of our own: all its files stand in one temporary folder that is removed with it. */
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";

const startDeadlineMs = 10_000;
const stopDeadlineMs = 1_000;

export interface NatsProcess {
  /** URLs of its doors: `nats`, `websocket`; and `leaf`, which newer servers alone write down. */
  readonly doors: NatsDoors;
  readonly pid: number;
  /** Its files; removed when it is stopped. */
  readonly folder: string;
  /** Settles when the process has ended, wanted or not, with a phrase on how. */
  readonly exited: Promise<string>;
  /** Ends the process and removes its files; settles when the ports are free. */
  stop(): Promise<void>;
}

export interface NatsDoors {
  readonly nats: string;
  readonly websocket?: string | undefined;
  readonly leaf?: string | undefined;
}

export interface NatsProcessOptions {
  readonly environment: Environment;
  /** The text of its configuration; what is secret stands there, not in arguments that everybody can list. */
  readonly configure: (folder: string) => string;
  /** Of what `configure` says, what must be open before it is said to run. */
  readonly awaits: readonly (keyof NatsDoors)[];
  /** Of what it writes (at most the last 4 KiB), whether it is ready now; an error: it never will be. Default: it is. */
  readonly isReady?: (words: string) => boolean | ShoalError;
  /** Said when it finds its port taken. */
  readonly portTaken: () => ShoalError;
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
 * @throws ShoalError missing_tool - no nats-server on this machine, or it ended at once; the message has its last words
 * @throws ShoalError what `portTaken` makes; file_not_writable - the temporary folder
 */
export async function startNatsProcess(options: NatsProcessOptions): Promise<NatsProcess> {
  const program = findNatsServer(options.environment);
  const folder = makeFolder();
  const config = join(folder, "nats.conf");
  writeFileSync(config, options.configure(folder), { mode: 0o600 });
  const child = spawn(program, ["-c", config], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const words = listenTo(child);
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
    const doors = await Promise.race([
      waitForDoors(folder, options, words),
      exited.then(() => Promise.reject(startError(program, words.last(), options.portTaken))),
    ]);
    return { doors, pid: child.pid ?? 0, folder, exited, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a child writes to stderr. */
interface Words {
  /** At most the last 4 KiB. */
  last(): string;
  /** The address at which it says that leaf nodes may connect. */
  leaf(): string | undefined;
}

async function waitForDoors(
  folder: string,
  { awaits, isReady = () => true }: NatsProcessOptions,
  words: Words,
): Promise<NatsDoors> {
  const deadline = Date.now() + startDeadlineMs;
  while (Date.now() < deadline) {
    const file = readdirSync(folder).find((name) => name.endsWith(".ports"));
    const ports = file === undefined ? undefined : portsIn(join(folder, file));
    const [nats, websocket] = [ports?.nats?.[0], ports?.websocket?.[0]];
    if (nats !== undefined) {
      const doors = { nats, websocket, leaf: words.leaf() };
      const ready = isReady(words.last());
      if (typeof ready === "object") throw ready;
      if (ready && awaits.every((door) => doors[door] !== undefined)) return doors;
    }
    await delay(10);
  }
  const ready = isReady(words.last());
  const what = ready === true ? "open its ports" : "join the others";
  throw new ShoalError("deadline_exceeded", `nats-server did not ${what} within ${startDeadlineMs / 1000} s`, {
    ...{ waitedFor: "nats-server", lastWords: words.last().slice(-500) },
  });
}

/** The file may be half-written when it is first seen. */
function portsIn(file: string): { readonly nats?: string[]; readonly websocket?: string[] } | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as { nats?: string[]; websocket?: string[] };
  } catch {
    return undefined;
  }
}

function startError(program: string, lastWords: string, portTaken: () => ShoalError): ShoalError {
  if (/address already in use/.test(lastWords)) return portTaken();
  const [said = ""] = lastWords.split("\n").slice(-1);
  const sentence = `${program} ended at once (${said === "" ? "without a word" : said}); is it a nats-server of 2.9 or newer?`;
  return new ShoalError("missing_tool", sentence, { tool: "nats-server" });
}

/** Where its configuration, its token and what it keeps stand. */
function makeFolder(): string {
  const base = tmpdir();
  try {
    return mkdtempSync(join(base, "shoal-nats-"));
  } catch (cause) {
    const sentence = `cannot make a folder in ${base} for nats-server; set TMPDIR to one that can be written`;
    throw new ShoalError("file_not_writable", sentence, { folder: base }, { cause });
  }
}

function listenTo(child: ChildProcess): Words {
  let tail = "";
  let leaf: string | undefined;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-4096);
    leaf ??= /Listening for leafnode connections on (\S+)/.exec(tail)?.[1];
  });
  return { last: () => tail.trim(), leaf: () => (leaf === undefined ? undefined : `nats-leaf://${leaf}`) };
}
