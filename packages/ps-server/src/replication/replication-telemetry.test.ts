import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { simulate } from "@shoal/actors";
import { attributes, metricDefinitions } from "@shoal/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createCopiesScene } from "../../../../test/support/copies-scene.ts";
import { recordMetrics, type RecordedMetrics } from "../../../../test/support/recorded-metrics.ts";

const exporter = new InMemorySpanExporter();
let recorded: RecordedMetrics;

beforeAll(() => {
  recorded = recordMetrics();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
});

afterAll(async () => {
  trace.disable();
  context.disable();
  await recorded.close();
});

const msOf = ([seconds, nanoseconds]: readonly [number, number]): number => seconds * 1000 + nanoseconds / 1e6;
const durationMs = ({ startTime, endTime }: ReadableSpan): number => msOf(endTime) - msOf(startTime);

test("a reply that waits for replicas has a span for it, and metrics say how far and how long they were behind", async () => {
  const it = await createCopiesScene(2, 1, { consistency: { mode: "asynchronous" }, slots: 1 });
  const get = <T>(outcome: Promise<T>): Promise<T> => simulate(it.clock, outcome, { forMs: 60_000 });
  await it.seat(1, 1, [2]);
  await get(it.initialize(1, [0]));
  exporter.reset();
  it.faults = { lost: 0, delayMs: 300 };
  const send = trace.getTracer("test").startSpan("send");
  const push = { worker: 1, sequence: 1, clock: 0, batch: 0, baseVersion: 0, gradient: [1] };
  await get(context.with(trace.setSpan(context.active(), send), () => it.push(1, push)));
  const spans = exporter.getFinishedSpans();
  const [replicate, ...others] = spans.filter(({ name }) => name === "replicate");
  expect(others).toEqual([]);
  expect(replicate?.parentSpanContext?.spanId).toBe(send.spanContext().spanId);
  // The member list, the first values, the push.
  expect(replicate?.attributes).toMatchObject({
    [attributes.logIndex]: 3,
    [attributes.version]: 1,
    [attributes.waitedFor]: ["server-2 (replica)"],
  });
  const waitedMs = durationMs(replicate as ReadableSpan);
  expect(waitedMs).toBeGreaterThan(0);
  const order = spans
    .filter(({ name }) => ["apply", "replicate", "acknowledge"].includes(name))
    .map(({ name }) => name);
  expect(order).toEqual(["apply", "replicate", "acknowledge"]);
  const lag = (await recorded.histograms(metricDefinitions.replicationLag))[""];
  expect(lag).toMatchObject({ count: 3, max: 2 });
  const duration = (await recorded.histograms(metricDefinitions.replicationDuration))[""];
  expect(duration?.count).toBe(3);
  // Seconds against milliseconds: rounding of a double.
  expect(duration?.max).toBeCloseTo(waitedMs / 1000, 9);
  // Replicas count no pushes: a push is counted once in a cluster.
  expect(await recorded.values(metricDefinitions.pushes)).toEqual({ push_applied: 1 });
  await it.close();
});
