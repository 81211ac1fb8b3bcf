import { describe, expect, it } from "vitest";
import { graphParameters, type ThreatModel } from "./graph-parameters.ts";
import { neighboursOf } from "./neighbour-graph.ts";

const model = (adversarialShare: number, dropOutShare: number, server: ThreatModel["server"]): ThreatModel => ({
  adversarialShare,
  dropOutShare,
  server,
});
const curious = "curious";
const malicious = "semi_malicious";

/** Clients, then degree and threshold; undefined where the published table has none. */
const table: readonly (readonly [ThreatModel, Readonly<Record<number, readonly [number, number]>>])[] = [
  [
    model(0.05, 0.05, curious),
    { 10: [2, 2], 100: [12, 6], 1e3: [30, 17], 1e4: [34, 20], 1e5: [36, 21], 1e6: [38, 22] },
  ],
  [
    model(0.05, 0.05, malicious),
    { 10: [2, 2], 100: [16, 11], 1e3: [52, 37], 1e4: [62, 44], 1e5: [68, 48], 1e6: [74, 52] },
  ],
  [
    model(0.05, 0.33, curious),
    { 10: [4, 2], 100: [28, 6], 1e3: [72, 24], 1e4: [86, 29], 1e5: [96, 32], 1e6: [102, 34] },
  ],
  [
    model(0.33, 0.05, curious),
    { 10: [4, 4], 100: [34, 29], 1e3: [78, 60], 1e4: [92, 70], 1e5: [102, 77], 1e6: [110, 83] },
  ],
  [
    model(0.33, 0.33, curious),
    { 10: [8, 4], 100: [68, 34], 1e3: [286, 150], 1e4: [422, 221], 1e5: [480, 251], 1e6: [518, 270] },
  ],
  [
    model(0.45, 0.45, curious),
    { 100: [92, 46], 1e3: [822, 417], 1e4: [3494, 1771], 1e5: [5508, 2788], 1e6: [6240, 3156] },
  ],
  [
    model(0.3, 0.3, malicious),
    { 100: [92, 62], 1e3: [872, 584], 1e4: [4822, 3230], 1e5: [9388, 6286], 1e6: [11136, 7454] },
  ],
];

describe("the parameters of the graph", () => {
  const rows = table.flatMap(([threat, cells]) =>
    Object.entries(cells).map(([clients, [degree, threshold]]) => ({
      clients: Number(clients),
      ...threat,
      degree,
      threshold,
    })),
  );
  it.each(rows)(
    "for $clients clients, $adversarialShare adversarial, $dropOutShare leaving, a $server server are those published",
    ({ clients, degree, threshold, ...threat }) => {
      const found = graphParameters(clients, threat);
      expect(found.degree).toBe(degree);
      expect(found.threshold).toBeLessThanOrEqual(threshold);
      expect(found.threshold).toBeGreaterThanOrEqual(2);
    },
  );

  it("are those of the complete graph where no smaller one will do", () => {
    expect(graphParameters(5, model(0, 0.2, malicious))).toEqual({ degree: 4, threshold: 3 });
    expect(graphParameters(3, model(0, 0, curious))).toEqual({ degree: 2, threshold: 2 });
  });

  it("are refused where too many leave or listen", () => {
    const tooFew = expect.objectContaining({ code: "too_few_clients" });
    expect(() => graphParameters(2, model(0, 0, curious))).toThrowError(tooFew);
    expect(() => graphParameters(4, model(0.3, 0.3, malicious))).toThrowError(tooFew);
    expect(() => graphParameters(100, model(0.5, 0.5, curious))).toThrow(RangeError);
  });
});

describe("the graph", () => {
  it.each([
    [3, 2],
    [4, 3],
    [5, 4],
    [20, 6],
    [101, 28],
  ])("of %d clients gives each of them %d neighbours, who are neighbours both ways", (clients, degree) => {
    const graph = neighboursOf(new Uint8Array(32).fill(clients), clients, degree);
    expect(graph).toHaveLength(clients);
    graph.forEach((neighbours, client) => {
      expect(neighbours).toHaveLength(degree);
      expect(neighbours).not.toContain(client);
      expect([...neighbours].sort((a, b) => a - b)).toEqual(neighbours);
      for (const other of neighbours) expect(graph[other]).toContain(client);
    });
  });

  it("is the same for the same session, and another for another", () => {
    const of = (fill: number) => neighboursOf(new Uint8Array(32).fill(fill), 50, 6);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
  });
});
