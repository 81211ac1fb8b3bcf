/** A cluster in this process whose federated runs are trained by played clients, and what a run leaves behind. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@shoal/actors";
import type { ChainedRound } from "@shoal/aggregator";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile } from "@shoal/models";
import type { FederatedInput, RunStatus } from "@shoal/protocol";
import { followRun, startLocalCluster, submitRun, type LocalCluster } from "shoal";
import { expect } from "vitest";
import { perceptron } from "./perceptron.ts";
import { createPlayedClient, type PlayedClient } from "./played-client.ts";

/** Parameters of the hidden layer, which are the model's first ones. */
export const hiddenSize: number = 784 * 8 + 8;
export const modelSize: number = hiddenSize + 8 * 10 + 10;
/** Where every client wants every value. */
export const target = 0.5;

const usual = {
  ...{ rounds: 50, aggregation: { name: "fedavg", goal: 3 }, selectionSeconds: 2, configurationSeconds: 5 },
  ...{ reportingSeconds: 10, overSelection: 1, local: { learningRate: 0.1 } },
};

export interface FederatedScene extends AsyncDisposable {
  readonly folder: string;
  readonly cluster: LocalCluster;
  /** @param federated what differs from fifty rounds of three clients each @returns the run */
  submit(federated: Partial<FederatedInput>): Promise<string>;
  /** @param keys of the parameters that travel */
  comeIn(run: string, name: string, given?: { readonly trainMs?: number; readonly keys?: number }): PlayedClient;
  /** The run's last status; it has no error. */
  ended(run: string): Promise<RunStatus>;
  /** The log of its rounds so far. */
  recordsOf(run: string): readonly ChainedRound[];
}

export async function createFederatedScene(workers: number): Promise<FederatedScene> {
  const folder = mkdtempSync(join(tmpdir(), "shoal-federated-"));
  const cluster = await startLocalCluster({
    ...{ workers, servers: 2, runsFolder: folder, dataFolder: undefined, environment: {}, log: () => undefined },
  });
  return {
    folder,
    cluster,
    submit(federated) {
      const spec = checkJob({
        ...{ name: "federated", model: { ...perceptron([8]) }, optimizer: { name: "sgd", learningRate: 1 } },
        data: { type: "digits", samples: 100, testSamples: 50, seed: 2 },
        federated: { ...usual, ...federated },
      });
      return submitRun(cluster.system, cluster.coordinator, spec, crypto.randomUUID());
    },
    comeIn(run, name, { trainMs = 1, keys = modelSize } = {}) {
      const plane = cluster.planeOf(run).connect(name);
      const values = new Float32Array(keys).fill(target);
      const client = createPlayedClient({ name, task: run, plane, clock: systemClock, target: values, trainMs });
      void client.start();
      return client;
    },
    async ended(run) {
      let last: RunStatus | undefined;
      for await (const status of followRun(cluster.system, cluster.coordinator, run)) last = status;
      expect(last?.error).toBeNull();
      return last as RunStatus;
    },
    recordsOf(run) {
      const file = join(folder, run, "rounds.jsonl");
      const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
      return lines.map((line) => JSON.parse(line) as ChainedRound);
    },
    async [Symbol.asyncDispose]() {
      await cluster.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The model that a run has left. */
export function parametersOf({ result }: RunStatus): Float32Array {
  return decodeModelFile(readFileSync(result?.modelFile ?? "")).parameters;
}
