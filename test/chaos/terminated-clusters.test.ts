/** Clusters whose every process is told to end at once: Ctrl-C, a host that shuts down. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startKillableCluster } from "../support/killable-cluster.ts";
import { disturbedJob } from "../support/perceptron.ts";
import { parametersOf, plainParameters } from "../support/plain-model.ts";
import { runCommand } from "../support/shoal-command.ts";
import { startUp, type UpCluster } from "../support/up.ts";

const snapshots = { everySteps: 25, everySeconds: null, keep: 2 };
const job = {
  ...{ ...disturbedJob, epochs: 4, name: "ended", workers: 2, slots: 2, consistency: { mode: "synchronous" } },
  durability: { replicas: 0, snapshots },
};
const expected = await plainParameters(job);

/** As a terminal does, or the init process of a host: everybody hears it, nobody first. */
function signalAll({ up, pids }: UpCluster, signal: NodeJS.Signals): void {
  for (const pid of Object.values(pids)) process.kill(pid, signal);
  up.process.kill(signal);
}

describe("a cluster whose every process is told to end at once", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "ends in order on %s, and another one goes on with its run, bit for bit",
    async (signal) => {
      const runs = mkdtempSync(join(tmpdir(), "shoal-runs-"));
      try {
        let run: string;
        let saved = 0;
        {
          await using first = await startUp(["--workers", "2", "--servers", "2", "--restarts", "0", "--runs", runs]);
          run = await first.submit(job);
          const status = await first.until(run, ({ snapshots: now }) => (now?.newest ?? null) !== null);
          expect(status.phase).toBe("training");
          saved = status.snapshots?.newest?.step ?? 0;
          await first.connection.close();
          signalAll(first, signal);
          // Ended by itself: it was not killed.
          expect(typeof (await first.up.ended)).toBe("number");
        }
        await using second = await startUp(["--workers", "3", "--servers", "1", "--restarts", "0", "--runs", runs]);
        const { workplace } = second;
        const listed = await runCommand(["runs", "--json", "--runs", runs], { workplace });
        const kept = JSON.parse(listed.text) as { readonly run: string; readonly step: number };
        expect(kept.run).toBe(run);
        // What is lost is what came after the newest snapshot.
        expect(kept.step).toBeGreaterThanOrEqual(saved);
        expect((await runCommand(["resume", run, "--detach"], { workplace })).code).toBe(0);
        const resumed = await second.completed(run);
        expect(resumed.batchesDone).toBe(resumed.totalBatches);
        expect(parametersOf(resumed.result!.modelFile)).toEqual(expected); // no tolerance
      } finally {
        rmSync(runs, { recursive: true, force: true, maxRetries: 3 });
      }
    },
    300_000,
  );

  it("goes on by itself when its processes are started again beside the same NATS", async () => {
    await using cluster = await startKillableCluster({ workers: 2, servers: 2 });
    const run = await cluster.submit(job);
    await cluster.until(run, ({ snapshots: now }) => (now?.newest ?? null) !== null);
    const names = ["coordinator", "server-1", "server-2", "worker-1", "worker-2"];
    await Promise.all(names.map((name) => cluster.leave(name)));
    await cluster.start("coordinator");
    await Promise.all(names.slice(1).map((name) => cluster.start(name)));
    const ended = await cluster.completed(run);
    expect(ended.batchesDone).toBe(ended.totalBatches);
    expect(parametersOf(ended.result!.modelFile)).toEqual(expected); // no tolerance
  }, 300_000);
});
