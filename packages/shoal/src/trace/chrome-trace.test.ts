import { describe, expect, it } from "vitest";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { chromeTrace, earliest } from "./chrome-trace.ts";

const spans: readonly SpanRecord[] = [
  {
    trace: "t1",
    span: "a",
    parent: null,
    name: "exchange",
    node: "worker-1",
    startUs: 1_000_500,
    durationUs: 300,
    attributes: { "shoal.worker": 3, "shoal.shard": 1 },
    links: [],
    error: null,
  },
  {
    trace: "t2",
    span: "b",
    parent: "c",
    name: "apply",
    node: "server-1",
    startUs: 1_000_600,
    durationUs: 50,
    attributes: { "shoal.shard": 1 },
    links: [{ trace: "t1", span: "a" }],
    error: null,
  },
];

async function* stream(): AsyncGenerator<SpanRecord> {
  yield* spans;
}

describe("chrome trace", () => {
  it("is JSON with named tracks, complete events and a flow from contribution to update", async () => {
    const origin = await earliest(stream());
    const text = (await Array.fromAsync(chromeTrace(stream(), origin))).join("");
    const { traceEvents } = JSON.parse(text) as { traceEvents: Record<string, unknown>[] };
    expect(traceEvents.filter((event) => event["name"] === "process_name").map((event) => event["args"])).toEqual([
      { name: "worker-1" },
      { name: "server-1" },
    ]);
    expect(traceEvents.find((event) => event["ph"] === "X")).toMatchObject({ name: "exchange", ts: 0, dur: 300 });
    expect(traceEvents.filter((event) => event["id"] === "t1").map((event) => event["ph"])).toEqual(["s", "f"]);
  });

  it("is valid JSON for a run without spans", async () => {
    const none = (async function* (): AsyncGenerator<SpanRecord> {})();
    expect(JSON.parse((await Array.fromAsync(chromeTrace(none, 0))).join(""))).toEqual({
      displayTimeUnit: "ms",
      traceEvents: [],
    });
  });
});
