/** `shoal up` in one terminal, `shoal submit` in another: the same result as in one process, and nothing left behind. */
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { createWorkplace, isAlive, runCommand, startCommand } from "../support/shoal-command.ts";
import { trainingData } from "../support/training-data.ts";
import { tensorBytes } from "../support/up.ts";

interface UpValue {
  readonly type: "up";
  readonly nats: string;
  readonly pids: Readonly<Record<string, number>>;
}

describe("a cluster of processes", () => {
  it("trains a submitted job to the accuracy of one process, follows it, and ends whole on Ctrl-C", async () => {
    using workplace = createWorkplace();
    const data = trainingData();
    const job = {
      name: "mlp",
      model: perceptron([256, 128]),
      data: data.spec,
      optimizer: { name: "adam", learningRate: 0.003 },
      batchSize: 128,
      epochs: 2,
    };
    const file = join(workplace.folder, "job.json");
    writeFileSync(file, JSON.stringify(job));
    const folder = data.folder === undefined ? [] : ["--data", data.folder];

    await using up = startCommand(["up", "--workers", "2", "--servers", "2", "--json", ...folder], { workplace });
    const [line] = await up.waitFor(/^\{"type":"up".*$/m);
    const { pids, nats } = JSON.parse(line) as UpValue;
    expect(Object.keys(pids).toSorted()).toEqual([
      "coordinator",
      "nats",
      "server-1",
      "server-2",
      "worker-1",
      "worker-2",
    ]);

    const submitted = await runCommand(["submit", file], { workplace });
    expect(submitted.text).toContain("test accuracy");
    expect(submitted.code).toBe(0);
    const accuracy = Number(/test accuracy\s+([\d.]+) %/.exec(submitted.text)?.[1]);
    expect(accuracy).toBeGreaterThanOrEqual(97);

    // The same job in one process: the same seed, the same slots, so the same model to the last bit.
    mkdirSync(join(workplace.folder, "alone"));
    const alone = await runCommand(["train", file, "--runs", join(workplace.folder, "alone"), ...folder], {
      ...{ workplace, fromSources: true },
    });
    expect(alone.code).toBe(0);
    const model = (text: string): Buffer => tensorBytes(/^model\s+(.+)$/m.exec(text)?.[1] ?? "");
    expect(model(submitted.text).equals(model(alone.text))).toBe(true);

    const status = await runCommand(["status"], { workplace });
    expect(status.text).toMatch(/server-2 +server +alive/);
    expect(status.text).toMatch(/completed/);

    const pressed = performance.now();
    up.process.kill("SIGINT");
    expect(await up.ended).toBe(0);
    expect(performance.now() - pressed).toBeLessThan(2_000);
    for (const [name, pid] of Object.entries(pids)) expect(isAlive(pid), `${name} is still there`).toBe(false);
    expect(await canConnect(nats)).toBe(false);
  });

  it("leaves no process when its keeper is killed outright", async () => {
    using workplace = createWorkplace();
    await using up = startCommand(["up", "--workers", "1", "--servers", "1", "--json"], {
      ...{ workplace, fromSources: true },
    });
    const [line] = await up.waitFor(/^\{"type":"up".*$/m);
    const { pids, nats } = JSON.parse(line) as UpValue;
    up.process.kill("SIGKILL");
    await up.ended;
    const deadline = performance.now() + 5_000;
    while (Object.values(pids).some(isAlive) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(Object.entries(pids).filter(([, pid]) => isAlive(pid))).toEqual([]);
    expect(await canConnect(nats)).toBe(false);
  });
});

function canConnect(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
