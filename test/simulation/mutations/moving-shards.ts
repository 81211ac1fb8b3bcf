/** Faults in moves of shards, in the leaving of servers, and in what is said of what they took with them. */
import type { Mutation } from "./mutation.ts";

export const movingShardsMutations: readonly Mutation[] = [
  {
    name: "moved-before-caught-up",
    sentence: "a shard moves to a server that has not got all of it",
    edits: [
      {
        file: "packages/coordinator/src/seats/decide-seat.ts",
        before: `seat.learners.find(({ member }) => caughtUp.has(member));`,
        after: `seat.learners.find(({ member }) => caughtUp.has(member) || member >= 0);`,
      },
    ],
    scenario: "elastic",
    within: 60,
  },
  {
    name: "leaves-as-primary",
    sentence: "a server may go while it leads a shard",
    edits: [
      {
        file: "packages/coordinator/src/membership/release.ts",
        before: `isInSeat(seat, life)`,
        after: `seat.primary.member !== life.member && isInSeat(seat, life)`,
      },
    ],
    scenario: "elastic",
    within: 30,
  },
  {
    name: "learner-is-not-waited-for",
    sentence: "what is acknowledged while a learner is about to take over may be missing there",
    edits: [
      {
        file: "packages/ps-server/src/replication/peer.ts",
        before: `return role === "replica" || isCounted;`,
        after: `return role === "replica" || (isCounted && role !== "learner");`,
      },
    ],
    scenario: "elastic",
    within: 150,
  },
  {
    name: "losses-unsaid",
    sentence: "a run completes without a word on batches that a primary took with it",
    edits: [
      {
        file: "packages/coordinator/src/runs/lost-batches.ts",
        before: `if (lost.length === 0) return "";`,
        after: `if (lost.length >= 0) return "";`,
      },
    ],
    scenario: "memory",
    within: 40,
  },
  {
    name: "lost-step-made-up-twice",
    sentence: "a shard makes up for one lost update more than there was",
    edits: [
      {
        file: "packages/ps-server/src/shard/lost-updates.ts",
        before: `while (progress.version < version && replication`,
        after: `while (progress.version <= version && replication`,
      },
    ],
    scenario: "memory",
    within: 60,
  },
];
