import { checkJob } from "@shoal/coordinator";
import { describe, expect, it } from "vitest";
import { cluster, expectCleanedUp, expectDone } from "./coordinator-cast.ts";
import { baseJob } from "./coordinator-stage.ts";

describe("a coordinator that starts where another one was", () => {
  it("fails what was under way, keeps what was waiting, and never gives a life twice", async () => {
    const cast = await cluster(2, 1);
    const run = await cast.stage.submit();
    const waiting = await cast.stage.submit({ name: "later" });
    await cast.stage.untilStatus(run, (status) => status.batchesDone > 20);
    await cast.stage.crash("coordinator");
    await cast.stage.pass(500);
    cast.stage.startCoordinator();
    const status = await cast.stage.status(run);
    expect(status).toMatchObject({ phase: "failed", error: { code: "run_failed" } });
    expect(status.reason).toBe(`the coordinator restarted while run ${run} was training`);
    await expectDone(cast, waiting);
    await expectCleanedUp(cast, run);
    const { members } = await cast.stage.describe();
    expect(members.map(({ member, incarnation }) => [member, incarnation])).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
    ]);
  });

  it("ends the one before it, if that still lives", async () => {
    const cast = await cluster(1, 1);
    const first = cast.stage.coordinator;
    let ended = false;
    void first.stopped.then(() => (ended = true));
    cast.stage.network.crash("coordinator");
    cast.stage.startCoordinator();
    await cast.stage.pass(3000);
    expect(ended).toBe(false);
    // It notices with its first write.
    await cast.stage.until(await cast.stage.submit(), ["completed"]);
    first.ref.tell({
      type: "submit_run",
      submission: "to the old one",
      job: checkJob(baseJob),
      replyTo: cast.stage.client.ref("client/nobody"),
    });
    await cast.stage.pass(1000);
    expect(ended).toBe(true);
  });

  it("writes everything before it closes", async () => {
    const cast = await cluster(1, 1);
    const run = await cast.stage.submit();
    await cast.stage.until(run, ["completed"]);
    const closed = cast.stage.coordinator.close();
    await cast.stage.pass(1500);
    await closed;
    const entry = await cast.stage.store.get(`runs/${run}`);
    expect(entry?.value).toMatchObject({ phase: "completed", result: { accuracy: 0.9 } });
  });
});
