/** Secure sums through a cluster of processes and a real nats-server: six clients, of which one goes away in the middle. */
import { connectNats } from "@shoal/actors";
import type { ChainedRound } from "@shoal/aggregator";
import {
  createInlineTrainer,
  createNatsClientPlane,
  createUpdateCodec,
  openSession,
  type Session,
  type SessionEvent,
} from "@shoal/edge-client";
import { inboxPrefix } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits } from "@shoal/models";
import { resolveCluster } from "shoal";
import { expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { runCommand } from "../support/shoal-command.ts";
import { startUp } from "../support/up.ts";

const rounds = 3;
const job = {
  name: "masked",
  model: perceptron([16]),
  data: { type: "digits", samples: 100, testSamples: 200, seed: 2 },
  optimizer: { name: "sgd", learningRate: 1 },
  federated: {
    ...{ rounds, aggregation: { name: "fedavg", goal: 5 }, minimum: 4, overSelection: 1.2, selectionSeconds: 2 },
    ...{ configurationSeconds: 5, reportingSeconds: 10, local: { learningRate: 0.1, epochs: 3, batchSize: 10 } },
    privacy: { name: "secure_sum", clip: 10, weightCap: 200, stageSeconds: 5 },
  },
};

it("clients learn together over NATS though nobody sees their updates, and one goes away", async () => {
  await using cluster = await startUp(["--workers", "1", "--servers", "1"]);
  const task = await cluster.submit(job);
  const { nats: servers, token, cluster: name } = resolveCluster({}, cluster.workplace.environment);
  const modules = await loadKernelModules();
  const events: SessionEvent[] = [];
  const live = async (client: string, onEvent: (event: SessionEvent) => void): Promise<Session> => {
    const connection = await connectNats({ servers, token, name: client, inboxPrefix: inboxPrefix(client) });
    const { train: data } = generateDigits({ samples: 150, testSamples: 1, seed: client.charCodeAt(0) });
    return openSession({
      ...{ task, client, onEvent, codec: createUpdateCodec(modules), trainer: createInlineTrainer({ modules, data }) },
      plane: createNatsClientPlane({ connection, address: { cluster: name, task }, client }),
      device: { memoryBytes: 2 ** 28, platform: "node" },
    });
  };
  const gone = Promise.withResolvers<number>();
  const leaving = await live("f", (event) => {
    // With keys and shares of its own in the sum.
    if (event.type === "training") gone.resolve(event.round);
  });
  const staying = await Promise.all(["a", "b", "c", "d", "e"].map((name) => live(name, (event) => events.push(event))));
  const leftIn = await gone.promise;
  await leaving.close();
  const status = await cluster.completed(task);
  expect(status.result?.accuracy).toBeGreaterThan(0.5); // of ten digits a guess finds a tenth
  expect(await Promise.all(staying.map(({ ended }) => ended))).toEqual(staying.map(() => "all rounds are done"));
  expect(events.filter(({ type }) => type === "failed")).toEqual([]);

  const { text } = await runCommand(["rounds", task, "--verify", "--json"], { workplace: cluster.workplace });
  const records = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Partial<ChainedRound>)
    .flatMap(({ body }) => (body === undefined ? [] : [body]));
  const committed = records.filter(({ outcome }) => outcome === "committed");
  expect(committed).toHaveLength(rounds);
  // A busy machine may lose one more.
  for (const { contributed } of committed) expect(contributed.count).toBeGreaterThanOrEqual(4);
  expect(committed[0]?.phases.map(({ phase }) => phase)).toContain("unmasking");
  expect(committed.every(({ trainingLoss }) => trainingLoss === null)).toBe(true);
  const disturbed = records.find(({ round }) => round === leftIn);
  expect(disturbed?.contributed.list.map(({ client }) => client)).not.toContain("f");
  const left = disturbed?.dropped.list.find(({ client }) => client === "f");
  expect(left?.reason).toBe("it left: the session was closed");
}, 60_000);
