import { createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { createInProcessPlane, type ClientPrivacy, type TaskDescription } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { describe, expect, it } from "vitest";
import { descriptionOf, settingsFor } from "../../../../test/support/played-task.ts";
import { createMemoryStorage } from "../storage/client-storage.ts";
import { openSession } from "./open-session.ts";
import type { LocalTrainer } from "./local-training.ts";
import { createUpdateCodec } from "./update-codec.ts";

const codec = createUpdateCodec(await loadKernelModules());
const trainer: LocalTrainer = {
  ...{ samples: 1, testSamples: 0, evaluate: async () => null, close: async () => undefined },
  train: async () => Promise.reject(new Error("no round is offered")),
};
const open: ClientPrivacy = { clip: null, localNoise: 0, secure: null };
const noised: ClientPrivacy = { clip: 1, localNoise: 2, secure: null };

/** Joins, and is told these promises with one check-in after the other; then the task is over. @returns how it ended */
async function joined(storage: ReturnType<typeof createMemoryStorage>, task: string, told: readonly ClientPrivacy[]) {
  const clock = createSimulatedClock();
  const plane = createInProcessPlane({ clock });
  const left = [...told];
  plane.aggregator.serve(async (_, { type }) => {
    if (type !== "check_in") return { type: "noted" };
    const privacy = left.shift();
    if (privacy === undefined) return { type: "turned_away", reason: "it is over", comeBackAfterMs: 0, isFinal: true };
    const description: TaskDescription = { ...descriptionOf(settingsFor()), task, privacy };
    return { type: "checked_in", task: description, leaseMs: 1_000, comeBackAfterMs: 100, offer: null };
  });
  const session = openSession({
    ...{ task, client: "a", plane: plane.connect("a"), trainer, codec, storage, clock, random: createRandom("a") },
    device: { memoryBytes: 1e9, platform: "node" },
  });
  const outcome = session.ended.catch(({ code }: { readonly code: string }) => code);
  return { end: await simulate(clock, outcome), left: left.length };
}

describe("the privacy that a task has promised", () => {
  it("is that of the first check-in: a client leaves where another one is told, after a reload too", async () => {
    const storage = createMemoryStorage();
    expect(await joined(storage, "t", [noised, noised])).toEqual({ end: "it is over", left: 0 });
    expect(await joined(storage, "t", [noised, open, open])).toEqual({ end: "permission_denied", left: 1 });
    expect(await joined(storage, "t", [open, noised])).toEqual({ end: "permission_denied", left: 1 });
    // Another task is another matter.
    expect(await joined(storage, "u", [open, open])).toEqual({ end: "it is over", left: 0 });
  });
});
