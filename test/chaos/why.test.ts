/** `shoal why` on a cluster of processes: a worker that stands still is named, and later whose lease has ended. */
import { explainRun, type WaitExplanation } from "shoal";
import { describe, expect, it } from "vitest";
import { disturbedJob } from "../support/perceptron.ts";
import { runCommand } from "../support/shoal-command.ts";
import { startUp } from "../support/up.ts";

const job = { ...disturbedJob, name: "why", workers: 3, slots: 3, consistency: { mode: "synchronous" } };

describe("one of three workers that stands still", () => {
  it("is named while its lease lasts, and after that `shoal why` says that its lease has ended", async () => {
    await using cluster = await startUp(["--workers", "3", "--servers", "2", "--restarts", "0"]);
    const { system, coordinator } = cluster.connection;
    // Long enough that the command finds it in training.
    const run = await cluster.submit({ ...job, epochs: 400 });
    await cluster.until(run, (status) => status.batchesDone > 30);
    const pid = cluster.pids["worker-2"]!;
    process.kill(pid, "SIGSTOP");
    try {
      const stopped = await explainRun(system, coordinator, run);
      const chain = stopped.chains.find(({ cause }) => cause === "worker-2");
      expect(chain?.state).toMatch(/^no answer for 1\.\d s, last heartbeat \d\.\d s ago$/);
      expect(chain?.links[0]?.waitingFor).toContain("worker-2");
      expect(chain?.links[0]?.waiters[0]).toMatch(/^shard-/);
      // Once it is listed as lost, the others have its slot and nobody waits for it.
      let later = stopped;
      for (const giveUp = performance.now() + 5_000; !hasEndedLease(later) && performance.now() < giveUp;) {
        later = await explainRun(system, coordinator, run);
      }
      expect(later.summary).toMatch(/the lease of worker-2 has ended, last heartbeat \d+\.\d s ago/);
      const said = await runCommand(["why"], { workplace: cluster.workplace });
      expect(said.code).toBe(0);
      expect(said.text).toMatch(/worker-2 +its lease has ended, last heartbeat \d+\.\d s ago/);
      const unknown = await runCommand(["why", "nothing", "--json"], { workplace: cluster.workplace });
      expect(JSON.parse(unknown.text)).toMatchObject({ type: "error", error: { code: "run_not_found" } });
      expect(unknown.code).not.toBe(0);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });
});

function hasEndedLease({ members }: WaitExplanation): boolean {
  return members.some(({ name, state }) => name === "worker-2" && state.startsWith("its lease has ended"));
}
