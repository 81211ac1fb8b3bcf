import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { context, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTrace } from "../trace/read-trace.ts";
import { setUpTelemetry } from "./telemetry.ts";

describe("trace files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shoal-telemetry-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const options = (traceFiles: boolean) => ({
    node: "node-1",
    runsFolder: folder,
    traceFiles,
    environment: {},
    onFailure: (error: unknown) => expect.fail(String(error)),
  });

  it("hold every span of a run, also beyond one buffer, with parents and links", async () => {
    const telemetry = setUpTelemetry(options(true));
    const tracer = trace.getTracer("test");
    const count = 5_000;
    for (let i = 0; i < count; i += 1) {
      const root = tracer.startSpan("exchange", { attributes: { "shoal.run": "run-1", i }, root: true });
      const child = tracer.startSpan(
        "send",
        { attributes: { "shoal.run": "run-1" } },
        trace.setSpan(context.active(), root),
      );
      child.addLink({ context: root.spanContext() });
      child.end();
      root.end();
    }
    await telemetry.close();
    const spans = await Array.fromAsync(readTrace(join(folder, "run-1")));
    expect(spans).toHaveLength(2 * count);
    const roots = new Map(spans.filter((span) => span.parent === null).map((span) => [span.span, span]));
    expect(roots.size).toBe(count);
    for (const span of spans) {
      if (span.parent === null) continue;
      expect(roots.get(span.parent)?.trace).toBe(span.trace);
      expect(span.links).toEqual([{ trace: span.trace, span: span.parent }]);
    }
  });

  it("are not written, and no SDK is installed, when nobody asks for traces", async () => {
    const telemetry = setUpTelemetry(options(false));
    expect(trace.getTracer("test").startSpan("x").isRecording()).toBe(false);
    await telemetry.close();
  });

  it("that a killed process left in the middle of a line are read and gone on with", async () => {
    const file = join(folder, "run-1", "trace", "node-1.jsonl");
    mkdirSync(join(folder, "run-1", "trace"), { recursive: true });
    writeFileSync(file, '{"trace":"t","span":"s","name":"first","startUs":1}\n{"trace":"t","sp');
    const read = async (): Promise<readonly string[]> =>
      (await Array.fromAsync(readTrace(join(folder, "run-1")))).map((span) => span.name);
    expect(await read()).toEqual(["first"]);
    const telemetry = setUpTelemetry(options(true));
    trace
      .getTracer("test")
      .startSpan("later", { attributes: { "shoal.run": "run-1" }, root: true })
      .end();
    await telemetry.close();
    expect(await read()).toEqual(["first", "later"]);
  });

  it("name file and line of a broken span, and say when there is no trace", async () => {
    mkdirSync(join(folder, "broken", "trace"), { recursive: true });
    writeFileSync(join(folder, "broken", "trace", "node-1.jsonl"), '{"trace":"t","span":"s","startUs":1}\n{"trace":\n');
    await expect(Array.fromAsync(readTrace(join(folder, "broken")))).rejects.toMatchObject({
      code: "data_corrupt",
      details: { line: 2 },
    });
    await expect(Array.fromAsync(readTrace(join(folder, "nothing")))).rejects.toMatchObject({ code: "run_not_found" });
  });
});
