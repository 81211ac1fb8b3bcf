import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import type { PullTarget } from "../client/contribution.ts";
import { settleOnStep } from "./settle-on-step.ts";

const buffer = { offset: 0, values: new Float32Array(2) };

function clientThat(pull: (clock: number) => readonly number[]) {
  return { pull: ({ clock }: PullTarget) => Promise.resolve().then(() => pull(clock)) };
}

describe("settling on a step", () => {
  it("takes values of one version as they are", async () => {
    const client = clientThat(() => expect.fail("nothing is to be pulled"));
    expect(await settleOnStep(client, { buffer, versions: [3, 3] }, 1000)).toEqual({ buffer, versions: [3, 3] });
  });

  it("pulls at the newest version until all shards have one", async () => {
    const answers = new Map([
      [4, [5, 4]],
      [5, [5, 5]],
    ]);
    const client = clientThat((clock) => answers.get(clock) ?? []);
    expect((await settleOnStep(client, { buffer, versions: [4, 3] }, 1000)).versions).toEqual([5, 5]);
  });

  it("does not ask for agreement beyond the last synchronous step", async () => {
    const client = clientThat((clock) => (clock === 4 ? [4, 9] : expect.fail(`pulled at ${clock}`)));
    expect((await settleOnStep(client, { buffer, versions: [3, 7] }, 4)).versions).toEqual([4, 9]);
  });

  it("fails with `run_failed` when a shard waits for a contribution that nobody can make", async () => {
    const details = { waiter: "worker-2", waitingFor: "worker-2" };
    const client = clientThat(() => {
      throw new ShoalError("deadline_exceeded", "shard 1 waits for worker-2", details);
    });
    const settling = settleOnStep(client, { buffer, versions: [4, 3] }, 1000);
    await expect(settling).rejects.toMatchObject({ code: "run_failed", details: { ...details, step: 3 } });
  });

  it("fails with the error of a shard that cannot be reached as it is", async () => {
    const error = new ShoalError("deadline_exceeded", "the shard did not answer", { waitedFor: "pull" });
    const client = clientThat(() => {
      throw error;
    });
    await expect(settleOnStep(client, { buffer, versions: [4, 3] }, 1000)).rejects.toBe(error);
  });
});
