/** Faults in snapshots, and in what goes on from them. */
import type { Mutation } from "./mutation.ts";

const coordinator = "packages/coordinator/src/snapshots";
const server = "packages/ps-server/src";

export const durableStateMutations: readonly Mutation[] = [
  {
    name: "manifest-before-its-objects",
    sentence: "a server says that a shard is saved before the store has taken it",
    edits: [
      {
        file: `${server}/snapshots/save-shards.ts`,
        before: `await store.write(name, source);`,
        after: `void store.write(name, encodeState(snapshot)).catch(() => undefined);
    for (source.rewind(); source.next(2 ** 20) !== undefined;);`,
      },
    ],
    scenario: "snapshots",
    within: 20,
  },
  {
    name: "snapshot-of-several-versions",
    sentence: "a synchronous run is copied in whatever versions its shards are",
    edits: [
      {
        file: `${server}/shard/awaited-cut.ts`,
        before: `progress.version < awaitedCut.at) return;`,
        after: `progress.version + 1 < awaitedCut.at) return;`,
      },
      {
        file: `${coordinator}/advance-snapshots.ts`,
        before: `version !== null && each.version !== version);`,
        after: `version === null && each.version === -1);`,
      },
    ],
    scenario: "snapshots",
    within: 30,
  },
  {
    name: "optimizer-left-out",
    sentence: "a shard goes on from a snapshot with the slots of a fresh optimiser",
    edits: [
      {
        file: `${server}/shard/snapshot.ts`,
        before: `state.vectors.optimizer.restore(snapshot.optimizer as OptimizerSnapshot);`,
        after: `if (state.progress.initialized) state.vectors.optimizer.restore(snapshot.optimizer as OptimizerSnapshot);`,
      },
    ],
    scenario: "snapshots",
    within: 20,
  },
  {
    name: "batches-of-one-shard",
    sentence: "what one server's shards have applied counts as done on all",
    edits: [
      {
        file: `${coordinator}/snapshot-replies.ts`,
        before: `underWay.done === null ? reply.done : intersection(underWay.done, reply.done);`,
        after: `underWay.done === null ? reply.done : (intersection(underWay.done, reply.done), reply.done);`,
      },
    ],
    scenario: "snapshots",
    within: 60,
  },
  {
    name: "old-workers-remembered",
    sentence: "a resumed run takes the pushes of its workers for those of others who had their numbers",
    edits: [
      {
        file: `${server}/snapshots/restore-shards.ts`,
        before: `clocks: [], filter: []`,
        after: `clocks: []`,
      },
    ],
    scenario: "snapshots",
    within: 60,
  },
  {
    name: "hosting-of-another-life",
    sentence: "a server hosts what the process before it was told to host",
    edits: [
      {
        file: `${server}/node/server-node.ts`,
        before: `if (life !== undefined && (`,
        after: `if (life !== undefined && life.member < 0 && (`,
      },
    ],
    scenario: "snapshots",
    within: 100,
  },
  {
    name: "objects-before-their-manifest",
    sentence: "the objects of an old snapshot are removed while it can still be found",
    edits: [
      {
        file: `${coordinator}/retention.ts`,
        before: `remove: [...gone.filter(isManifest), ...gone.filter((name) => !isManifest(name))]`,
        after: `remove: [...gone.filter((name) => !isManifest(name)), ...gone.filter(isManifest)]`,
      },
    ],
    scenario: "snapshots",
    within: 20,
  },
];
