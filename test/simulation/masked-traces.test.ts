/** Traces of masked contributions, through the whole chain in virtual time. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { ClientRequest } from "@shoal/federated";
import { expect, it } from "vitest";
import { maskedNames, playMasked } from "../support/masked-clients.ts";
import { msOf, recordSpans } from "../support/recorded-spans.ts";

const exporter = recordSpans();

/** Spans of each client's trace in the first round, by begin. */
function tracesOf(): Map<string, readonly ReadableSpan[]> {
  const spans = exporter.getFinishedSpans().filter(({ attributes }) => attributes["shoal.round"] === 1);
  const roots = spans.filter(({ name }) => name === "contribution");
  return new Map(
    roots.map((root) => [
      String(root.attributes["shoal.client"]),
      spans
        .filter((span) => span.parentSpanContext?.spanId === root.spanContext().spanId)
        .toSorted((one, other) => msOf(one.startTime) - msOf(other.startTime)),
    ]),
  );
}

const outcomeOf = (client: string): unknown =>
  exporter
    .getFinishedSpans()
    .find(({ name, attributes }) => name === "contribution" && attributes["shoal.client"] === client)?.attributes[
    "shoal.outcome"
  ];

/** What a client of another make may say of its data. */
function tellsTooMuch(client: string, request: ClientRequest): ClientRequest {
  if (client !== "m3" || request.type !== "offer_contribution" || request.trace === null) return request;
  const spans = request.trace.spans.map((span) => ({ ...span, attributes: { ...span.attributes, samples: 77 } }));
  return { ...request, trace: { ...request.trace, spans } };
}

it("a masked contribution is one trace, from the draw to the values, and tells nothing of the client's data", async () => {
  await playMasked({ steps: 1, bend: tellsTooMuch });
  const traces = tracesOf();
  expect([...traces.keys()].toSorted()).toEqual(maskedNames);
  for (const [client, spans] of traces) {
    expect(outcomeOf(client)).toBe("committed");
    expect(spans.map(({ name }) => name).toSorted()).toEqual(
      ["select", "agree", "download", "train", "mask", "upload", "admit", "unmask", "aggregate", "publish"].toSorted(),
    );
    const said = spans.flatMap(({ attributes }) => Object.entries(attributes));
    const others = said.filter(([key]) => !["shoal.run", "shoal.client", "shoal.round"].includes(key));
    const allowed = ["shoal.client.encoding", "shoal.encoding", "shoal.bytes.after", "shoal.version", "shoal.outcome"];
    expect([...new Set(others.map(([key]) => key))].toSorted()).toEqual(allowed.toSorted());
  }
  const [unmask] = traces.get("m0")?.filter(({ name }) => name === "unmask") ?? [];
  const uploads = [...traces.values()].flat().filter(({ name }) => name === "upload");
  // The masks come off behind the last of the updates, when the clients have answered.
  const lastUploadMs = Math.max(...uploads.map(({ endTime }) => msOf(endTime)));
  expect(unmask && msOf(unmask.startTime)).toBe(lastUploadMs);
  expect(unmask && msOf(unmask.endTime) > lastUploadMs).toBe(true);
});

it("the trace of a client that a secure sum goes on without says why", async () => {
  const isLast = (request: ClientRequest): boolean =>
    request.type === "offer_contribution" && request.offer.round === 1;
  await playMasked({
    steps: 1,
    dies: (client, request) => (client === "m0" && isLast(request) ? 60_000 : undefined),
  });
  expect(outcomeOf("m0")).toBe("the masked updates did not come in time");
  expect(outcomeOf("m1")).toBe("committed");
});
