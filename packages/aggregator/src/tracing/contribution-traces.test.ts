import { trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { attributes } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { msOf, recordSpans } from "../../../../test/support/recorded-spans.ts";
import { createContributionTraces } from "./contribution-traces.ts";

const exporter = recordSpans();
const timesOf = ({ name, startTime, endTime }: ReadableSpan) => [name, msOf(startTime), msOf(endTime)];
const span = (name: string, beginMs: number, endMs: number, own = {}) => ({ name, beginMs, endMs, attributes: own });

describe("the trace of a contribution", () => {
  it("holds what the aggregator and the client did for it, in one time", () => {
    const traces = createContributionTraces("run-1");
    traces.offered("a", 3, 1_000);
    const traceparent = traces.traceparent("a", 3);
    traces.answered("a", 3, 1_010);
    const spans = [span("download", 5, 40), span("train", 40, 400, { samples: 60 })];
    traces.told("a", 3, { traceparent: traceparent ?? "", spans }, 1_500);
    traces.told("a", 3, { traceparent: traceparent ?? "", spans }, 1_510); // offered again
    traces.uploaded("a", 3, 1_505, { [attributes.encoding]: "int8" });
    traces.uploaded("a", 3, 1_509); // two uploads of it were under way
    traces.worked("a", 3, { name: "admit", beginMs: 1_510, endMs: 1_512 });
    traces.worked("a", 3, { name: "aggregate", beginMs: 1_600, endMs: 1_620 });
    traces.worked("a", 3, { name: "publish", beginMs: 1_620, endMs: 1_700 });
    traces.ended("a", 3, "committed", 1_700);
    const all = exporter.getFinishedSpans();
    expect(all.map(timesOf)).toEqual([
      ["select", 1_000, 1_010],
      ["download", 1_005, 1_040],
      ["train", 1_040, 1_400],
      ["upload", 1_400, 1_505],
      ["admit", 1_510, 1_512],
      ["aggregate", 1_600, 1_620],
      ["publish", 1_620, 1_700],
      ["contribution", 1_000, 1_700],
    ]);
    const root = all.at(-1);
    expect(root?.attributes).toMatchObject({ [attributes.client]: "a", [attributes.outcome]: "committed" });
    expect(traceparent).toBe(`00-${root?.spanContext().traceId}-${root?.spanContext().spanId}-01`);
    for (const child of all.slice(0, -1)) {
      expect(child.parentSpanContext?.spanId).toBe(root?.spanContext().spanId);
      expect(child.attributes[attributes.run]).toBe("run-1");
    }
    expect(all[2]?.attributes[`${attributes.ofClient}samples`]).toBe(60);
  });

  it("keeps a client's times within those in which they can have been", () => {
    const traces = createContributionTraces("run-1");
    traces.offered("a", 1, 1_000);
    traces.told("a", 1, { traceparent: "", spans: [span("train", 0, 1e12), span("download", 50, 10)] }, 1_100);
    traces.uploaded("a", 1, 1_130);
    expect(exporter.getFinishedSpans().map(timesOf)).toEqual([
      ["train", 1_000, 1_100],
      ["download", 1_050, 1_050],
      ["upload", 1_100, 1_130],
    ]);
  });

  it("ends with its round, whatever became of the client", () => {
    const traces = createContributionTraces("run-1");
    traces.offered("a", 1, 0);
    traces.offered("b", 2, 0);
    traces.forgetBefore(2, 500);
    expect(traces.traceparent("a", 1)).toBeNull();
    expect(traces.traceparent("b", 2)).not.toBeNull();
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["select", "contribution"]);
  });

  it("of who still trains for an earlier round ends when that is let go in a later one", () => {
    const traces = createContributionTraces("run-1");
    traces.offered("a", 1, 0);
    traces.offered("b", 1, 0);
    traces.ended("a", 4, "too old", 900);
    const roots = exporter.getFinishedSpans().filter(({ name }) => name === "contribution");
    expect(roots.map((root) => root.attributes[attributes.outcome])).toEqual(["too old"]);
    expect(traces.traceparent("b", 1)).not.toBeNull();
  });

  it("is nothing, and keeps nothing, where nobody traces", () => {
    trace.disable();
    const traces = createContributionTraces("run-1");
    traces.offered("a", 1, 0);
    expect(traces.traceparent("a", 1)).toBeNull();
    traces.ended("a", 1, "committed", 1);
  });
});
