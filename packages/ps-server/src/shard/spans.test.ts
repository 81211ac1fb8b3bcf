import { context, trace, type Attributes } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { attributes } from "@shoal/protocol";
import { TracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, beforeEach, expect, describe, test } from "vitest";
import { createShardScene, type ShardScene } from "../../../../test/support/shard-scene.ts";

const exporter = new InMemorySpanExporter();

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
});

beforeEach(() => exporter.reset());

afterAll(() => {
  trace.disable();
  context.disable();
});

const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name);

/** Runs `tell` within a span of its own, as a link does within `send`; returns that span's identifier. */
function within(tell: () => void): string {
  const send = trace.getTracer("test").startSpan("send");
  context.with(trace.setSpan(context.active(), send), tell);
  send.end();
  return send.spanContext().spanId;
}

async function scene(...args: Parameters<typeof createShardScene>): Promise<ShardScene> {
  const it = await createShardScene(...args);
  await it.initialize([0, 0]);
  return it;
}

const pick = (found: Attributes | undefined, ...keys: readonly string[]): unknown[] => keys.map((key) => found?.[key]);

describe("spans of a shard", () => {
  test("of a synchronous step: queue and acknowledge for each push, one apply that links to all of them", async () => {
    const it = await scene(2, { slots: 2 });
    const first = within(() => it.push(1, { batch: 0, gradient: [3, 0] }));
    await it.run(250);
    const second = within(() => it.push(2, { batch: 1, gradient: [3, 8] }));
    await it.run();
    const queues = spans("queue");
    expect(queues.map((span) => span.parentSpanContext?.spanId)).toEqual([first, second]);
    expect(queues.map((span) => span.attributes[attributes.waitedFor])).toEqual([["worker-2"], []]);
    expect(queues.map((span) => span.attributes[attributes.waitMs])).toEqual([250, 0]);

    const [apply, ...others] = spans("apply");
    expect(others).toEqual([]);
    expect(apply?.parentSpanContext?.spanId).toBe(second);
    expect(apply?.links.map((link) => link.context.spanId)).toEqual(queues.map((span) => span.spanContext().spanId));
    expect(apply?.links.map((link) => link.attributes?.[attributes.batch])).toEqual([0, 1]);
    // The mean gradient is (3, 4).
    const { version, term, staleness, gradientNorm } = attributes;
    expect(pick(apply?.attributes, version, term, staleness, gradientNorm)).toEqual([1, 0, 0, 5]);

    const acknowledges = spans("acknowledge");
    expect(acknowledges.map((span) => span.parentSpanContext?.spanId)).toEqual([first, second]);
    const told = [attributes.worker, attributes.outcome, attributes.version, attributes.staleness] as const;
    expect(acknowledges.map((span) => pick(span.attributes, ...told))).toEqual([
      [1, "push_applied", 1, 0],
      [2, "push_applied", 1, 0],
    ]);
    await it.close();
  });

  test("rebuild versions and staleness of an asynchronous run", async () => {
    const it = await scene(2, { consistency: { mode: "asynchronous" } });
    const baseVersions = [0, 0, 1, 0];
    for (const [batch, baseVersion] of baseVersions.entries()) it.push(1, { batch, baseVersion, gradient: [1, 1] });
    it.push(2, { batch: 3, baseVersion: 0, gradient: [1, 1] });
    await it.run();
    const rebuilt = spans("acknowledge")
      .filter((span) => span.attributes[attributes.outcome] === "push_applied")
      .map((span) => pick(span.attributes, attributes.version, attributes.staleness, attributes.batch));
    const { updates } = await it.describe();
    expect(rebuilt).toEqual(
      updates.map(({ version, contributions: [only] }) => [version, only?.staleness, only?.batch]),
    );
    expect(spans("apply").map((span) => span.attributes[attributes.version])).toEqual([1, 2, 3, 4]);
    expect(spans("acknowledge").at(-1)?.attributes[attributes.outcome]).toBe("push_duplicate");
    await it.close();
  });

  test("of a pull: read, with the version and for whom it waited", async () => {
    const it = await scene(2);
    const send = within(() => it.pull(1, 1));
    await it.run(100);
    it.push(2, { batch: 0, gradient: [1, 1] });
    await it.run();
    const [read] = spans("read");
    expect(read?.parentSpanContext?.spanId).toBe(send);
    const told = [attributes.version, attributes.waitMs, attributes.waitedFor, attributes.outcome];
    expect(pick(read?.attributes, ...told)).toEqual([1, 100, ["worker-1"], "values"]);
    await it.close();
  });

  test("tell the error of what is refused", async () => {
    const it = await scene(2);
    it.push(1, { batch: 0, gradient: [1, Number.NaN] });
    await it.run();
    expect(spans("queue")).toHaveLength(1);
    expect(spans("acknowledge")[0]?.attributes[attributes.outcome]).toBe("not_finite");
    await it.close();
  });
});
