/** Faults in how a run goes on with other key ranges. */
import type { Mutation } from "./mutation.ts";

const coordinator = "packages/coordinator/src";

export const hotRangesMutations: readonly Mutation[] = [
  {
    name: "cut-without-rest",
    sentence: "a run whose batches are leased is copied, to be cut, while pushes are acknowledged",
    edits: [
      {
        file: `${coordinator}/seats/plan-split.ts`,
        before: `if (isSynchronous(run)) return withSnapshots(decided`,
        after: `if (run.split.ranges === null) return withSnapshots(decided`,
      },
      {
        file: `${coordinator}/snapshots/restart-run.ts`,
        before: `if (lacking > 0)`,
        after: `if (lacking < 0)`,
      },
    ],
    scenario: "hot",
    within: 30,
  },
  {
    name: "parts-of-another-place",
    sentence: "a part of a shard begins with the values of the part before it",
    edits: [
      {
        file: "packages/ps-server/src/snapshots/cut-snapshot.ts",
        before: `value.subarray(begin - snapshot.begin, end - snapshot.begin)`,
        after: `value.subarray(0, end - begin)`,
      },
    ],
    scenario: "hot",
    within: 20,
  },
];
