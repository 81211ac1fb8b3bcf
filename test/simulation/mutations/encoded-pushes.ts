/** Faults in what is pushed when it is not a plain gradient of a plain step. */
import type { Mutation } from "./mutation.ts";

const encoders = "packages/worker/src/client/push-encoders.ts";
const slotStates = "packages/worker/src/saved/slot-states.ts";

export const encodedPushesMutations: readonly Mutation[] = [
  {
    name: "error-twice-after-a-retry",
    sentence: "a push that was applied at its first attempt, and answered at its second, is sent again as an error",
    edits: [
      {
        file: encoders,
        before: `(reply.type === "push_duplicate" && reply.of === "batch");`,
        after: `reply.type === "push_duplicate";`,
      },
    ],
    scenario: "lossy",
    within: 30,
  },
  {
    name: "superseded-gradient-comes-back",
    sentence: "the gradient of a batch that somebody else has brought is sent with the next push",
    edits: [
      {
        file: encoders,
        before: `encoder.giveBack(region.byteOffset, vector);`,
        after: `encoder.giveBack(region.byteOffset, vector < 0 ? vector : undefined);`,
      },
    ],
    scenario: "lossy",
    within: 80,
  },
  {
    name: "quorum-of-one-less",
    sentence: "a step is closed without one contribution more than there are backup workers",
    edits: [
      {
        file: "packages/ps-server/src/shard/close-step.ts",
        before: `if (missing.length <= options.backup) {`,
        after: `if (missing.length <= options.backup + 1) {`,
      },
    ],
    scenario: "lossy",
    within: 80,
  },
  {
    name: "unsent-forgotten-at-a-resume",
    sentence: "a slot goes on from a snapshot without what it had left unsent",
    edits: [
      {
        file: "packages/worker/src/saved/slot-states.ts",
        before: `if (state.errors.length > 0) client`,
        after: `if (state.errors.length < 0) client`,
      },
    ],
    scenario: "snapshots",
    within: 60,
  },
  {
    name: "slot-moves-bare",
    sentence: "a slot moves to another worker without what it keeps",
    edits: [
      {
        file: "packages/coordinator/src/runs/slot-moves/decide-move.ts",
        before: `if (!keeps) return decision(target`,
        after: `if (target !== "owner") return decision(target`,
      },
    ],
    scenario: "lossy",
    within: 60,
  },
  {
    name: "given-slot-goes-on",
    sentence: "a worker computes on what it has given up",
    edits: [
      {
        file: slotStates,
        before: `    computed: (slots, clock) => slots.filter((slot) => !given.isGiven(slot) && clock`,
        after: `    computed: (slots, clock) => slots.filter((slot) => clock`,
      },
    ],
    scenario: "lossy",
    within: 60,
  },
  {
    name: "taken-slot-not-restored",
    sentence: "a slot that was handed over begins afresh with its next worker",
    edits: [
      {
        file: slotStates,
        before: `({ slots, step }) => step === clock && slots.includes(slot)`,
        after: `({ slots, step }) => step > clock && slots.includes(slot)`,
      },
    ],
    scenario: "lossy",
    within: 60,
  },
];
