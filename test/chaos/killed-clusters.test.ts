/** A whole cluster killed with SIGKILL in the middle of a run, and another one that goes on with it. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { disturbedJob } from "../support/perceptron.ts";
import { parametersOf, plainParameters } from "../support/plain-model.ts";
import { runCommand } from "../support/shoal-command.ts";
import { startUp, type UpCluster } from "../support/up.ts";

const snapshots = { everySteps: 25, everySeconds: null, keep: 2 };
const job = {
  ...{ ...disturbedJob, epochs: 4, name: "killed", workers: 2, slots: 2, consistency: { mode: "synchronous" } },
  durability: { replicas: 0, snapshots },
};

const lossy = { ...job, name: "killed-lossy", shards: 1, encoding: { push: { name: "int8" } } };

/** Linux says it; elsewhere nats-server outlives its guardian. */
function childrenOf(pid: number): readonly number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, "utf8").trim().split(" ").filter(Boolean).map(Number) : [];
}

/** The keeper first: it must not end anybody in order. Nats-server is its guardian's child. */
function killAll({ up, pids }: UpCluster): void {
  const own = Object.values(pids);
  const all = [...own, ...own.flatMap(childrenOf)];
  up.process.kill("SIGKILL");
  for (const pid of all) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended with its keeper already.
    }
  }
}

describe("a cluster whose every process is killed", () => {
  it.each([
    ["of plain gradients", job],
    ["whose slots keep what int8 leaves unsent", lossy],
  ])(
    "leaves a run %s that another one, of other processes, ends with every bit of the plain loop",
    async (_, job) => {
      const runs = mkdtempSync(join(tmpdir(), "shoal-runs-"));
      try {
        let run: string;
        {
          await using first = await startUp(["--workers", "2", "--servers", "2", "--restarts", "0", "--runs", runs]);
          run = await first.submit(job);
          const status = await first.until(run, ({ snapshots }) => (snapshots?.newest ?? null) !== null);
          expect(status.phase).toBe("training");
          await first.connection.close();
          killAll(first);
          await first.up.ended;
        }
        await using second = await startUp(["--workers", "3", "--servers", "1", "--restarts", "0", "--runs", runs]);
        const { workplace } = second;
        const listed = await runCommand(["runs", "--json", "--runs", runs], { workplace });
        expect(JSON.parse(listed.text)).toMatchObject({ type: "run", run, phase: "training" });
        const resumed = await runCommand(["resume", run, "--detach"], { workplace });
        expect(resumed.code).toBe(0);
        const disturbed = await second.completed(run);
        expect(disturbed.batchesDone).toBe(disturbed.totalBatches);
        expect(parametersOf(disturbed.result!.modelFile)).toEqual(await plainParameters(job)); // no tolerance
        expect(readdirSync(join(runs, run, "snapshots")).length).toBeLessThanOrEqual(snapshots.keep + 2);

        const unknown = await runCommand(["resume", "nobody-1"], { workplace });
        expect(unknown.code).toBe(1);
        expect(unknown.text).toContain("has no snapshot of run nobody-1");
      } finally {
        rmSync(runs, { recursive: true, force: true, maxRetries: 3 });
      }
    },
    300_000,
  );
});
