/** The process that keeps a local cluster up: one a cluster, and it ends when the cluster cannot go on. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { createWorkplace, isAlive, processesOf, runCommand, startCommand } from "../support/shoal-command.ts";
import { startUp, type UpCluster } from "../support/up.ts";

/** False once nobody listens there any more. */
async function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  return await promise.finally(() => socket.destroy());
}

describe("the keeper of a local cluster", () => {
  describe("that is up", () => {
    let cluster: UpCluster;
    beforeAll(async () => {
      cluster = await startUp(["--workers", "1", "--servers", "1"]);
    });
    afterAll(() => cluster[Symbol.asyncDispose]());

    it("is alone: a second one of the same name does not start, and the first is still found", async () => {
      const second = await runCommand(["up"], { workplace: cluster.workplace });
      expect(second.code).toBe(1);
      expect(second.text).toMatch(/cluster_exists.*--cluster/s);
      const status = await runCommand(["status"], { workplace: cluster.workplace });
      expect(status.code).toBe(0);
      expect(status.text).toContain("worker-1");
    });

    it("refuses to cancel a run that nobody knows", async () => {
      const { code, text } = await runCommand(["cancel", "nothing-1"], { workplace: cluster.workplace });
      expect(code).not.toBe(0);
      expect(text).toMatch(/run_not_found.*nothing-1/s);
    });

    it("has its runs to itself: they do not go on elsewhere before they are cancelled", async () => {
      const run = await cluster.submit({
        name: "endless",
        model: perceptron([16]),
        data: { type: "digits", samples: 1_000, testSamples: 100 },
        optimizer: { name: "sgd", learningRate: 0.05 },
        epochs: 10_000,
        durability: { snapshots: { everySteps: 20, everySeconds: null, keep: 1 } },
      });
      await cluster.until(run, ({ snapshots }) => (snapshots?.newest ?? null) !== null);
      const refused = await runCommand(["resume", run, "--in-process"], { workplace: cluster.workplace });
      expect(refused.code).toBe(2);
      expect(refused.text).toMatch(/invalid_argument.*is training on cluster shoal: cancel it there/s);
      expect((await runCommand(["cancel", run], { workplace: cluster.workplace })).code).toBe(0);
    });

    it("ends with an error and leaves nothing when nats-server's guardian is killed", async () => {
      process.kill(cluster.pids["nats"]!, "SIGKILL");
      expect(await cluster.up.ended).toBe(1);
      expect(cluster.up.text()).toMatch(/transport_lost.*without nats-server the cluster cannot go on/s);
      expect(Object.values(cluster.pids).filter(isAlive)).toEqual([]);
      expect(await listens(cluster.nats)).toBe(false);
    });
  });

  // A start takes half a second to two, as busy as the machine is: with the last of these it may be over.
  it.each([0, 200, 400, 900])("ends whole within two seconds of a Ctrl-C %i ms into the start", async (delayMs) => {
    using workplace = createWorkplace();
    await using up = startCommand(["up"], { workplace });
    await up.waitFor(/starting/);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const pressed = performance.now();
    up.process.kill("SIGINT");
    const code = await up.ended;
    expect(performance.now() - pressed).toBeLessThan(2_000);
    const cameUp = /^cluster \S+ is up/m.test(up.text());
    expect([code, up.text()]).toEqual(
      cameUp
        ? [0, expect.stringMatching(/^stopping: /m)]
        : [130, expect.stringContaining("stopped before the cluster was up")],
    );
    expect(processesOf(workplace)).toEqual([]);
  });
});
