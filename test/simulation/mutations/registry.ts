/** The faults that the simulation has to find, each with the number of seeds within which it has to. */
import { durableStateMutations } from "./durable-state.ts";
import { encodedPushesMutations } from "./encoded-pushes.ts";
import { hotRangesMutations } from "./hot-ranges.ts";
import { movingShardsMutations } from "./moving-shards.ts";
import type { Mutation } from "./mutation.ts";

const replication = "packages/ps-server/src/replication";

export const mutations: readonly Mutation[] = [
  {
    name: "acknowledge-before-replication",
    sentence: "a primary answers before its replicas have what the answer depends on",
    edits: [
      {
        file: `${replication}/hold-reply.ts`,
        before: `if (replication === undefined || !holdsReplies(replication)) {`,
        after: `if (replication === undefined || replication.term >= 0) {`,
      },
    ],
    scenario: "fail-over",
    within: 200,
  },
  {
    name: "missing-term-check",
    sentence: "a copy takes entries and states of terms that are over, also where it leads itself",
    edits: [
      {
        file: `${replication}/decide-entry.ts`,
        before: `if (entry.term < known.term) {`,
        after: `if (entry.term < 0) {`,
      },
      {
        file: `${replication}/follow.ts`,
        before: `if (part.term < term || (role === "primary" && part.term === term)) {`,
        after: `if (part.term < 0 || (role === "primary" && part.term === term)) {`,
      },
    ],
    scenario: "fail-over",
    within: 200,
  },
  {
    name: "lost-sequence-number",
    sentence: "a replica does not remember which pushes its updates consist of",
    edits: [
      {
        file: "packages/ps-server/src/shard/change.ts",
        before: `progress.filter.settle(worker, incarnation, sequence, before + 1);`,
        after: `if (isObserved) progress.filter.settle(worker, incarnation, sequence, before + 1);`,
      },
      {
        file: "packages/ps-server/src/shard/change.ts",
        before: `if (batch !== null) progress.batches.add(batch`,
        after: `if (batch !== null && isObserved) progress.batches.add(batch`,
      },
    ],
    scenario: "fail-over",
    within: 200,
  },
  {
    name: "lease-off-by-one",
    sentence: "a lease of batches takes one batch more than it gives",
    edits: [
      {
        file: "packages/coordinator/src/leases/ledger.ts",
        before: `const free = subtractRange(ledger.free, batches);`,
        after: `const free = subtractRange(ledger.free, { ...batches, end: batches.end + 1 });`,
      },
    ],
    scenario: "small",
    within: 50,
  },
  {
    name: "leader-lease-off",
    sentence: "a coordinator that waits takes the lead although another renews it",
    edits: [
      {
        file: "packages/coordinator/src/leadership/decide-claim.ts",
        before: `if (silentMs >= leaseMs) {`,
        after: `if (silentMs >= leaseMs / 8) {`,
      },
      {
        file: "packages/coordinator/src/leadership/leader.ts",
        before: `if (!isShoalError(thrown, "store_conflict")) throw thrown;
      await compare();`,
        after: `if (!isShoalError(thrown, "store_conflict")) throw thrown;
      held = (await key.read())?.revision;`,
      },
    ],
    scenario: "small",
    within: 400,
  },
  {
    name: "replica-skips-an-entry",
    sentence: "a replica says that it has an entry that it has not carried out",
    edits: [
      {
        file: `${replication}/follow.ts`,
        before: `carryOut(state, { ...entry, vector: vector.length === 0 ? undefined : vector });`,
        after: `if (entry.index % 9 !== 0) carryOut(state, { ...entry, vector: vector.length === 0 ? undefined : vector });
    else state.progress.version = entry.version;`,
      },
    ],
    scenario: "fail-over",
    within: 50,
  },
  {
    name: "state-of-another-moment",
    sentence: "the state that fills a learner is of another moment than its place in the log",
    edits: [
      {
        file: `${replication}/send-state.ts`,
        before: `snapshot: takeSnapshot(state), index,`,
        after: `snapshot: { ...takeSnapshot(state), values: takeSnapshot(state).values.map((value) => value + 1e-7) }, index,`,
      },
    ],
    scenario: "fail-over",
    within: 200,
  },
  {
    name: "fastest-replica-counts",
    sentence: "an entry counts as replicated when one of two replicas has it",
    edits: [
      {
        file: `${replication}/peer.ts`,
        before: `(isWaitedFor(peer) ? Math.min(least, peer.acked) : least), index);`,
        after: `(isWaitedFor(peer) ? Math.max(least, peer.acked) : least), index);`,
      },
    ],
    scenario: "fail-over",
    within: 200,
  },
  {
    name: "seat-of-the-same-term",
    sentence: "a new seat has the term of the one before it",
    edits: [
      {
        file: "packages/coordinator/src/seats/run-seats.ts",
        before: `const term = run.seatTerm + 1;`,
        after: `const term = run.seatTerm;`,
      },
    ],
    scenario: "fail-over",
    within: 50,
  },
  {
    name: "learner-leads",
    sentence: "a copy that is still being filled counts as a replica",
    edits: [
      {
        file: "packages/coordinator/src/seats/decide-seat.ts",
        before: `seat.learners.find(({ member }) => caughtUp.has(member));`,
        after: `seat.learners.find(({ member }) => caughtUp.has(member) || member >= 0);`,
      },
    ],
    scenario: "fail-over",
    within: 300,
  },
  {
    name: "said-before-written",
    sentence: "the coordinator says what it has decided before it is in the store",
    edits: [
      {
        file: "packages/coordinator/src/outbox.ts",
        before: `if (written === given || promisesNothing(reply)) send(reply);`,
        after: `if (written <= given || promisesNothing(reply)) send(reply);`,
      },
    ],
    scenario: "small",
    within: 300,
  },
  ...durableStateMutations,
  ...movingShardsMutations,
  ...hotRangesMutations,
  ...encodedPushesMutations,
];
