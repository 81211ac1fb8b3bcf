import { describe, expect, it } from "vitest";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { collectExchanges } from "./exchanges.ts";
import { rebuildUpdates } from "./rebuild-updates.ts";

function span(
  trace: string,
  id: string,
  parent: string | null,
  name: string,
  more: Partial<SpanRecord> = {},
): SpanRecord {
  return {
    trace,
    span: id,
    parent,
    name,
    node: "local",
    startUs: 0,
    durationUs: 1,
    attributes: {},
    links: [],
    error: null,
    ...more,
  };
}

/** A synchronous push of one worker; `applies` when it completed the step. */
function push(trace: string, worker: number, applies: readonly string[] | null): SpanRecord[] {
  const attributes = {
    "shoal.exchange.kind": "push",
    "shoal.outcome": "push_applied",
    "shoal.shard": 0,
    "shoal.version": 4,
    "shoal.worker": worker,
    "shoal.clock": 5,
    "shoal.base_version": 3 - worker,
  };
  const spans = [
    span(trace, "a", null, "exchange", { attributes }),
    span(trace, "b", "a", "compute"),
    span(trace, "c", "a", "encode"),
    span(trace, "d", "a", "send"),
    span(trace, "e", "d", "queue"),
    span(trace, "f", "d", "acknowledge", { attributes }),
  ];
  if (applies === null) return spans;
  const links = applies.map((of) => ({ trace: of, span: "e" }));
  return [...spans, span(trace, "g", "d", "apply", { links, attributes: { "shoal.shard": 0, "shoal.version": 4 } })];
}

describe("exchanges of a trace", () => {
  it("counts a contribution as applied when another one's apply span links to it", () => {
    const report = collectExchanges([...push("t1", 1, null), ...push("t2", 2, ["t1", "t2"])]);
    expect(report.exchanges).toHaveLength(2);
    expect(report.incomplete).toEqual([]);
    expect(report.orphans).toEqual([]);
  });

  it("says what an incomplete exchange lacks", () => {
    const lost = push("t1", 1, []).filter((record) => record.name !== "queue");
    expect(collectExchanges(lost).incomplete).toEqual(["t1: a push without queue"]);
    expect(collectExchanges(push("t3", 1, null)).incomplete).toEqual(["t3: a push without apply"]);
    const headless = push("t2", 1, []).filter((record) => record.name !== "send");
    expect(collectExchanges(headless).incomplete[0]).toMatch(/parent of span (queue|acknowledge|apply) is missing/);
  });

  it("calls spans without their root orphans", () => {
    expect(collectExchanges([span("t9", "x", "gone", "queue")]).orphans).toHaveLength(1);
  });

  it("rebuilds versions and staleness of each shard", () => {
    const update = {
      shard: 0,
      version: 4,
      contributions: [
        { worker: 1, clock: 5, staleness: 1 },
        { worker: 2, clock: 5, staleness: 2 },
      ],
    };
    const first = push("t1", 1, null);
    const second = push("t2", 2, ["t2", "t1"]);
    expect(rebuildUpdates([...second, ...first])).toEqual([update]);
    // A contribution counts, whatever its worker was told.
    const told = first.map((it) => ({ ...it, attributes: { ...it.attributes, "shoal.outcome": "deadline_exceeded" } }));
    expect(rebuildUpdates([...told, ...second])).toEqual([update]);
  });

  it("leaves out what a deposed primary had applied alone", () => {
    const apply = (term: number, version: number, shard = 0): SpanRecord => {
      const attributes = { "shoal.shard": shard, "shoal.version": version, "shoal.term": term };
      return span(`${shard}-${term}-${version}`, "g", "d", "apply", { attributes });
    };
    const kept = [apply(1, 1), apply(1, 2), apply(2, 3), apply(4, 4), apply(1, 1, 1), apply(1, 4, 1)];
    const overwritten = [apply(1, 3), apply(1, 4), apply(2, 4), apply(2, 5)];
    const versions = rebuildUpdates([...kept, ...overwritten]).map(({ shard, version }) => [shard, version]);
    expect(versions).toEqual(kept.map(({ attributes }) => [attributes["shoal.shard"], attributes["shoal.version"]]));
  });
});
