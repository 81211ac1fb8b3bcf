/** The outside cases that every link has to pass with real shards behind it. */
import { describe, expect, test } from "vitest";
import { describeAggregationCases } from "./aggregation-cases.ts";
import { describeAsynchronousCases } from "./asynchronous-cases.ts";
import { makeClusters, type LinkKind } from "./case-cluster.ts";
import { describeEncodingCases } from "./encoding-cases.ts";
import { describeKeyValueCases } from "./key-value-cases.ts";
import { describeOptimizerCases } from "./optimizer-cases.ts";
import { forgottenRows } from "./published-rows.ts";
import { describeStreamingCases } from "./streaming-cases.ts";
import { describeSynchronousCases } from "./synchronous-cases.ts";

export function describeShardCases(name: string, kind: LinkKind): void {
  const makeCluster = makeClusters(kind);
  describe(`cases of other systems over the ${name} link`, () => {
    describeKeyValueCases(makeCluster);
    describeSynchronousCases(makeCluster);
    describeAsynchronousCases(makeCluster);
    describeAggregationCases(makeCluster);
    describeStreamingCases(makeCluster);
    describeOptimizerCases(makeCluster);
    describeEncodingCases(makeCluster);

    test("every published row of asynchronous training is played", () => {
      expect(forgottenRows()).toEqual([]);
    });
  });
}
