/** Traces and metrics leave by OTLP where the standard environment variables say so. */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { metricDefinitions, type MetricDefinition } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createWorkplace, runCommand } from "../support/shoal-command.ts";

const job = {
  name: "exported",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits", samples: 640, testSamples: 100 },
  optimizer: { name: "sgd", learningRate: 0.05 },
};

interface Received {
  readonly path: string;
  readonly body: string;
}

/** A collector that keeps what it is sent. */
async function startCollector(): Promise<{ endpoint: string; received: Received[] } & AsyncDisposable> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString("utf8") });
      response.setHeader("content-type", "application/json").end("{}");
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    received,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

describe("OTLP export", () => {
  it("sends every span and metric of a run to the endpoint of OTEL_EXPORTER_OTLP_ENDPOINT", async () => {
    using workplace = createWorkplace();
    await using collector = await startCollector();
    const file = join(workplace.folder, "job.json");
    writeFileSync(file, JSON.stringify(job));
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_SERVICE_NAME: "test-shoal" };
    const { code } = await runCommand(["train", file, "--no-trace"], { workplace, environment });
    expect(code).toBe(0);
    const traces = collector.received.filter(({ path }) => path === "/v1/traces");
    const text = traces.map(({ body }) => body).join("");
    expect(text).toContain('"test-shoal"');
    // 10 batches on 4 shards, and each exchange has its span on either side.
    expect(text.split('"name":"acknowledge"').length - 1).toBe(40);
    const metrics = collector.received.filter(({ path }) => path === "/v1/metrics").map(({ body }) => body);
    const isAbsent = ({ name }: MetricDefinition): boolean => !metrics.join("").includes(`"name":"${name}"`);
    // Nothing was repeated or replicated here, and nobody lost a lease before the last export.
    const { leaseEnds, retries, replicationLag, replicationDuration } = metricDefinitions;
    const silent = [leaseEnds, retries, replicationLag, replicationDuration];
    expect(Object.values(metricDefinitions).filter((it) => isAbsent(it) && !silent.includes(it))).toEqual([]);
  });

  it("goes on when the collector is away", async () => {
    using workplace = createWorkplace();
    const file = join(workplace.folder, "job.json");
    writeFileSync(file, JSON.stringify(job));
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
    const { code, text } = await runCommand(["train", file, "--no-trace"], { workplace, environment });
    expect(text).toContain("test accuracy");
    expect(code).toBe(0);
  });
});
