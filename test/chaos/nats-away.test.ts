/** NATS goes away for longer than a lease and comes back: nobody is given up, and the run ends as if nothing had been. */
import { connectToCluster, failureOf, followRun, loadJob, submitRun, type RunStatus } from "shoal";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startNatsServer } from "../support/nats-server.ts";
import { disturbedJob } from "../support/perceptron.ts";
import { createWorkplace, startCommand } from "../support/shoal-command.ts";

const token = "away-and-back";
/** Twice the default lease. */
const awayMs = 4_000;

const job = { ...disturbedJob, name: "away", workers: 2 };

describe("NATS away for twice the lease", () => {
  for (const mode of ["synchronous", "asynchronous"] as const) {
    it(`ends no lease and no ${mode} run`, async () => {
      using workplace = createWorkplace();
      await using nats = await startNatsServer({ token });
      const url = `nats://${nats.address}`;
      const role = (...args: string[]) =>
        startCommand([...args, "--nats", url], { workplace, environment: { SHOAL_TOKEN: token } });
      await using coordinator = role("coordinator");
      await coordinator.waitFor(/serves cluster/);
      await using server = role("server", "--node", "server-1");
      await using first = role("worker", "--node", "worker-1");
      await using second = role("worker", "--node", "worker-2");
      for (const node of [server, first, second]) await node.waitFor(/serves cluster/);

      const connection = await connectToCluster({ cluster: "shoal", nats: url, token });
      try {
        const file = join(workplace.folder, "job.json");
        writeFileSync(file, JSON.stringify({ ...job, consistency: { mode } }));
        const run = await submitRun(connection.system, connection.coordinator, await loadJob(file), "only");
        let last: RunStatus | undefined;
        let wasAway = false;
        for await (const status of followRun(connection.system, connection.coordinator, run)) {
          last = status;
          if (wasAway || status.batchesDone < status.totalBatches / 10) continue;
          wasAway = true;
          await nats.kill();
          await new Promise((resolve) => setTimeout(resolve, awayMs));
          await nats.restart();
        }
        expect(wasAway).toBe(true);
        expect(failureOf(last!)).toBeNull();
        expect(last!.batchesDone).toBe(last!.totalBatches);
        expect(coordinator.text()).not.toMatch(/sent no heartbeat/);
      } finally {
        await connection.close();
      }
    });
  }
});
