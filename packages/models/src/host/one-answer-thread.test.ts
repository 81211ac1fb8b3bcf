import { afterEach, describe, expect, it } from "vitest";
import type { Worker } from "node:worker_threads";
import { askThread } from "./one-answer-thread.ts";

const threads: Worker[] = [];
process.on("worker", (thread) => threads.push(thread));
/** An ended thread has the id −1. */
const idsOfThreads = (): readonly number[] => threads.map(({ threadId }) => threadId);
afterEach(() => void threads.splice(0));

/** Lives on after its last line, unless it is ended. */
const staysAlive = "setInterval(() => undefined, 1000);";

function ask(source: string, log?: (line: string) => void): Promise<unknown> {
  const module = `import { parentPort, workerData } from "node:worker_threads"; ${staysAlive} ${source}`;
  const entry = new URL(`data:text/javascript,${encodeURIComponent(module)}`);
  return askThread({ name: "the thread of a test", entry, data: { floats: 3 }, execArgv: [], log });
}

const named = { code: "internal", details: { thread: "the thread of a test" } };

describe("a thread for one answer", () => {
  it("hands its lines and its answer over and has ended by then", async () => {
    const lines: string[] = [];
    const source = `
      parentPort.postMessage({ type: "log", line: "one" });
      parentPort.postMessage({ type: "log", line: "two" });
      const answer = new Float32Array(new SharedArrayBuffer(4 * workerData.floats)).fill(7);
      parentPort.postMessage({ type: "answered", answer });`;
    const answer = await ask(source, (line) => lines.push(line));
    expect(answer).toEqual(Float32Array.of(7, 7, 7));
    expect((answer as Float32Array).buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(lines).toEqual(["one", "two"]);
    expect(idsOfThreads()).toEqual([-1]);
  });

  it("passes on the error that it failed with, and has ended by then", async () => {
    const error = { code: "data_corrupt", message: "[data_corrupt] x: broken", details: { file: "x" } };
    const failed = ask(`parentPort.postMessage({ type: "failed", error: ${JSON.stringify(error)} });`);
    await expect(failed).rejects.toMatchObject({ name: "ShoalError", ...error });
    expect(idsOfThreads()).toEqual([-1]);
  });

  it("is named by the error when it crashes", async () => {
    const crashed = ask(`throw new TypeError("no luck");`);
    await expect(crashed).rejects.toMatchObject({
      ...named,
      message: "[internal] the thread of a test crashed: no luck",
    });
    expect(idsOfThreads()).toEqual([-1]);
  });

  it("is named by the error when it ends without an answer", async () => {
    await expect(ask("process.exit(3);")).rejects.toMatchObject({
      ...named,
      message: "[internal] the thread of a test crashed: it ended with code 3",
    });
  });

  it("fails with what taking its lines failed with", async () => {
    const refuse = (): never => {
      throw new Error("the log is full");
    };
    const asked = ask(`parentPort.postMessage({ type: "log", line: "one" });`, refuse);
    await expect(asked).rejects.toMatchObject({ code: "internal", message: "[internal] the log is full" });
    expect(idsOfThreads()).toEqual([-1]);
  });
});
