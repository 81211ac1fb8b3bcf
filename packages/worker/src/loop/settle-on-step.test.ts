import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import type { PullTarget } from "../client/contribution.ts";
import { settleOnStep } from "./settle-on-step.ts";

const buffer = { offset: 0, values: new Float32Array(2) };

/** @param former answers who wants the values of a clock, and no newer ones; default: they are not kept */
function clientThat(pull: (clock: number) => readonly number[], former?: (clock: number) => readonly number[]) {
  const kept = former ?? (() => [4, 3]);
  return {
    pull: ({ clock, exact }: PullTarget) => Promise.resolve().then(() => (exact === true ? kept : pull)(clock)),
  };
}

describe("settling on a step", () => {
  it("takes values of one version as they are", async () => {
    const client = clientThat(() => expect.fail("nothing is to be pulled"));
    expect(await settleOnStep(client, { buffer, versions: [3, 3] }, 1000)).toEqual({ buffer, versions: [3, 3] });
  });

  it("takes the values before a step that only some shards have, where these are kept", async () => {
    const client = clientThat(
      () => expect.fail("nobody may be left to finish the step"),
      (clock) => [clock, clock],
    );
    expect((await settleOnStep(client, { buffer, versions: [4, 3] }, 1000)).versions).toEqual([3, 3]);
  });

  it("pulls at the newest version until all shards have one", async () => {
    const answers = new Map([
      [4, [5, 4]],
      [5, [5, 5]],
    ]);
    let newest: readonly number[] = [4, 3];
    const client = clientThat(
      (clock) => (newest = answers.get(clock) ?? []),
      () => newest,
    );
    expect((await settleOnStep(client, { buffer, versions: [4, 3] }, 1000)).versions).toEqual([5, 5]);
  });

  it("does not ask for agreement beyond the last synchronous step", async () => {
    const client = clientThat(
      (clock) => (clock === 4 ? [4, 9] : expect.fail(`pulled at ${clock}`)),
      () => [3, 7],
    );
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
