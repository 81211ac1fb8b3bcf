/**
 * One child process of a local cluster. Parent and child share an IPC channel: the child says when it is ready; the
 * channel's end tells the child that its parent is gone, so no death of a parent leaves a child behind.
 */
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { isErrorCode, ShoalError } from "@shoal/errors";
import type { Environment } from "../environment/folders.ts";

/** Child to parent: "I serve." */
export interface ReadyMessage {
  readonly type: "ready";
  readonly detail: Readonly<Record<string, string>>;
}

/** Parent to child: "Leave the cluster and end." */
export interface StopMessage {
  readonly type: "stop";
}

export interface ChildNode {
  readonly name: string;
  readonly pid: number;
  /** What the child said when it was ready. */
  readonly detail: Readonly<Record<string, string>>;
  /** Settles with a phrase on how the process ended. */
  readonly exited: Promise<string>;
  /** Asks it to leave, ends it by force after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const readyDeadlineMs = 20_000;

export interface ChildOptions {
  readonly name: string;
  /** Entry file and its arguments. */
  readonly command: readonly string[];
  readonly environment: Environment;
  /** Ends the child while it is not ready yet. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts a process and waits until it is ready.
 * @throws ShoalError it ended before it was ready; its own error, or `internal` with its last words
 * @throws ShoalError cancelled - by the signal
 * @throws ShoalError deadline_exceeded - it is not ready after 20 s; it has been ended
 */
export async function startChild(options: ChildOptions): Promise<ChildNode> {
  if (options.signal?.aborted === true) throw new ShoalError("cancelled", `${options.name} was not started`);
  const child = spawn(process.execPath, [...process.execArgv, ...options.command], {
    env: { ...options.environment, FORCE_COLOR: "0" },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // A group of its own: Ctrl-C reaches the parent alone, which then ends the children in order.
    detached: true,
  });
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (tail = (tail + text).slice(-4096)));
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (code, signal) => {
      const how = signal === null ? `ended with code ${String(code)}` : `was ended by ${signal}`;
      const words = lastWords(tail);
      resolve(words === "" ? how : `${how}: ${words}`);
    });
  });
  const stop = async (graceMs: number): Promise<void> => {
    if (child.connected) child.send({ type: "stop" } satisfies StopMessage, () => undefined);
    await Promise.race([exited, delay(graceMs, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  };
  const ready = new Promise<ReadyMessage>((resolve) =>
    child.on("message", (message: ReadyMessage) => {
      if (message.type === "ready") resolve(message);
    }),
  );
  // A child that is still loading has no ears for a message, but dies of a signal.
  const abort = (): void => void child.kill("SIGTERM");
  options.signal?.addEventListener("abort", abort);
  const outcome = await Promise.race([ready, exited, delay(readyDeadlineMs, null, { ref: false })]);
  options.signal?.removeEventListener("abort", abort);
  if (outcome !== null && typeof outcome === "object") {
    return { name: options.name, pid: child.pid ?? 0, detail: outcome.detail, exited, stop };
  }
  await stop(0);
  if (outcome !== null) throw startError(options.name, outcome);
  throw new ShoalError("deadline_exceeded", `${options.name} was not ready after ${readyDeadlineMs / 1000} s`, {
    waitedFor: options.name,
  });
}

/** The child's own error where it said one, in the command line's form; else how it ended. */
function startError(name: string, outcome: string): ShoalError {
  const [, code, sentence] = /shoal: ([a-z_]+): (.+)/.exec(outcome) ?? [];
  if (code !== undefined && isErrorCode(code) && sentence !== undefined) {
    return new ShoalError(code, `${name} did not start: ${sentence}`, { node: name });
  }
  return new ShoalError("internal", `${name} ${outcome}`, { node: name });
}

/** What a process wrote to stderr beside its dated log: the reason of its end, where it gave one. */
function lastWords(tail: string): string {
  const dated = /^\d{4}-\d\d-\d\dT[\d:.]+Z /;
  return tail
    .split("\n")
    .filter((line) => !dated.test(line))
    .join("\n")
    .trim();
}
