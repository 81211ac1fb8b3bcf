/** Runs the `shoal` command as a stranger would: a process of its own, in a folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const sources = join(import.meta.dirname, "../../packages/shoal/src/bin.ts");

/** A scratch folder with its own state, cache, runs and temporary files; removed when disposed. */
export interface Workplace extends Disposable {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function createWorkplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), "shoal-test-"));
  const own = {
    XDG_STATE_HOME: join(folder, "state"),
    XDG_CACHE_HOME: join(folder, "cache"),
    SHOAL_RUNS: join(folder, "runs"),
    // What is killed leaves its temporary files behind.
    TMPDIR: join(folder, "tmp"),
    NO_COLOR: "1",
    // Processes start in half the time when they need not compile what another one has compiled.
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(tmpdir(), "node-compile-cache"),
  };
  mkdirSync(own.TMPDIR);
  return {
    folder,
    environment: { ...process.env, ...own },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}

export interface Command extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly pid: number;
  /** What it has written so far, both streams. */
  text(): string;
  /** Settles with the first match of what it writes. @throws Error when it ends or 60 s pass before */
  waitFor(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray>;
  /** Settles with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

export interface CommandOptions {
  readonly workplace: Workplace;
  /** What runs it, such as `ip netns exec NAME`; default nothing. */
  readonly through?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Run what a user of this repository runs, `npm run shoal`, and not the same in fewer files, which starts faster. */
  readonly fromSources?: boolean;
}

export function startCommand(args: readonly string[], options: CommandOptions): Command {
  const file = options.fromSources === true ? sources : (process.env["SHOAL_COMMAND_FILE"] ?? sources);
  const [program, ...rest] = [...(options.through ?? []), process.execPath, "--conditions=shoal-source", file];
  const child = spawn(program, [...rest, ...args], {
    cwd: options.workplace.folder,
    env: { ...options.workplace.environment, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  const waitFor = async (pattern: RegExp, limitMs = 60_000): Promise<RegExpExecArray> => {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const match = pattern.exec(text);
      if (match !== null) return match;
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
        throw new Error(`shoal ${args.join(" ")} never wrote ${String(pattern)}; it wrote:\n${text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return {
    process: child,
    pid: child.pid ?? 0,
    text: () => text,
    waitFor,
    ended,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Runs a command to its end. */
export async function runCommand(
  args: readonly string[],
  options: CommandOptions,
): Promise<{ readonly code: number | string; readonly text: string }> {
  await using command = startCommand(args, options);
  const code = await command.ended;
  return { code, text: command.text() };
}

/** True while a process exists and is no zombie of ours. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Ids of the processes that have inherited the workplace's environment, whoever their parent is now: what a command has
 * left behind. Always empty where there is no /proc.
 */
export function processesOf(workplace: Workplace): readonly number[] {
  if (!existsSync("/proc/self/environ")) return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid && environmentOf(pid).includes(workplace.folder));
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}
