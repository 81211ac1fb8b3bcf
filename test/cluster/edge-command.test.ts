/** `shoal edge` as a stranger meets it: it serves, says what is wrong, and ends. */
import { createRandom, systemClock } from "@shoal/actors";
import { connectEdge, createClientKey } from "@shoal/edge-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { processesOf, runCommand, startCommand, type Command } from "../support/shoal-command.ts";
import { startUp, type UpCluster } from "../support/up.ts";

const endLimitMs = 3_000;

/** Its clients are never there. */
const job = {
  name: "waiting",
  model: perceptron([8]),
  data: { type: "digits", samples: 10, testSamples: 10 },
  optimizer: { name: "sgd", learningRate: 1 },
  federated: { rounds: 1, aggregation: { name: "fedavg", goal: 2 }, local: { learningRate: 0.1 } },
};

let cluster: UpCluster;
beforeAll(async () => {
  cluster = await startUp(["--workers", "1", "--servers", "1"]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function startEdge(...options: readonly string[]): Promise<{ readonly edge: Command; readonly origin: string }> {
  const edge = startCommand(["edge", "--json", "--port", "0", ...options], { workplace: cluster.workplace });
  const [line] = await edge.waitFor(/^\{"type":"edge".*$/m);
  return { edge, origin: (JSON.parse(line) as { origin: string }).origin };
}

describe("shoal edge", () => {
  it("serves the page and what it needs, and ends on Ctrl-C with a client connected", async () => {
    const before = processesOf(cluster.workplace);
    const { edge, origin } = await startEdge();
    await using _edge = edge;
    const page = await (await fetch(origin)).text();
    const assets = [...page.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
    expect(assets.length).toBeGreaterThanOrEqual(2);
    for (const path of assets) expect((await fetch(origin + path)).status).toBe(200);
    await expect((await fetch(`${origin}/health`)).json()).resolves.toEqual({ status: "ok", task: null });
    const task = await cluster.submit(job);
    await cluster.until(task, ({ phase }) => phase === "training");
    // It asks the coordinator once a second at most.
    const health = async (): Promise<unknown> => (await fetch(`${origin}/health`)).json();
    await expect.poll(health, { timeout: 5_000 }).toEqual({ status: "ok", task });
    const { plane } = await connectEdge({
      ...{ origin, ticket: null, seed: createClientKey(), clock: systemClock, random: createRandom(1) },
    });
    const endedAt = performance.now() + endLimitMs;
    edge.process.kill("SIGINT");
    expect(await edge.ended).toBe(0);
    expect(performance.now()).toBeLessThan(endedAt);
    await plane.close();
    await expect.poll(() => processesOf(cluster.workplace)).toEqual(before);
  });

  it("says so when its port is taken", async () => {
    const { edge, origin } = await startEdge();
    await using _edge = edge;
    const { port } = new URL(origin);
    const { code, text } = await runCommand(["edge", "--port", port], { workplace: cluster.workplace });
    expect(code).toBe(1);
    expect(text).toContain(
      `port_in_use: port ${port} of 127.0.0.1 is taken by another process; choose another with --port`,
    );
  });

  it("sends nothing in the clear beyond this machine, and invites to no run that does not exist", async () => {
    const open = await runCommand(["edge", "--host", "0.0.0.0"], { workplace: cluster.workplace });
    expect(open.code).toBe(2);
    expect(open.text).toContain("--cert and --key");
    const invitation = await runCommand(["edge", "invite", "nothing"], { workplace: cluster.workplace });
    expect(invitation.code).toBe(1);
    expect(invitation.text).toContain("run_not_found");
  });
});
