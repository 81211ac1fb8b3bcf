/** Puts a cluster on the stage and says when a run is over as it should be. */
import { ShoalError, type ErrorCode, type SerializedError } from "@shoal/errors";
import { expect } from "vitest";
import { playServer, type PlayedServer, type ServerScript } from "./coordinator-server.ts";
import { Stage, type StageOptions } from "./coordinator-stage.ts";
import { playWorker, type PlayedWorker, type WorkerScript } from "./coordinator-worker.ts";

export interface Cast {
  readonly stage: Stage;
  readonly servers: readonly PlayedServer[];
  readonly workers: readonly PlayedWorker[];
}

export const addServer = (stage: Stage, name: string, script?: ServerScript): PlayedServer =>
  playServer(stage.node(name), stage.shards, script);
export const addWorker = (stage: Stage, name: string, script: Partial<WorkerScript> = {}): PlayedWorker =>
  playWorker(stage.node(name), { shards: stage.shards, ...script });

/** A cluster whose members have joined. */
export async function cluster(
  workers: number,
  servers: number,
  options: StageOptions = {},
  script: Partial<WorkerScript> = {},
): Promise<Cast> {
  const stage = new Stage(options);
  const cast = {
    stage,
    servers: Array.from({ length: servers }, (_, index) => addServer(stage, `server-${index + 1}`)),
    workers: Array.from({ length: workers }, (_, index) => addWorker(stage, `worker-${index + 1}`, script)),
  };
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 50) {
    await stage.pass(50);
    const { members } = await stage.describe();
    if (members.filter((member) => member.alive).length === workers + servers) break;
  }
  await stage.pass(100);
  return cast;
}

export const error = (code: ErrorCode, sentence: string): SerializedError => new ShoalError(code, sentence).toJSON();

/** Batches of 1,000 samples, 2 epochs, 10 samples each; a few more where slots do not divide the last step. */
export const total = 200;
export const asynchronous = { mode: "asynchronous" } as const;

/** The run is over, every batch is counted once, and nobody holds anything of it any more. */
export async function expectDone({ stage, servers, workers }: Cast, run: string): Promise<void> {
  const status = await stage.until(run, ["completed", "failed", "cancelled"]);
  expect(status.error).toBeNull();
  expect(status).toMatchObject({ phase: "completed", batchesDone: status.totalBatches, samples: 2000 });
  expect(status.totalBatches).toBeGreaterThanOrEqual(total);
  expect(status.result).toMatchObject({ accuracy: 0.9, modelFile: `/models/${run}.safetensors` });
  expect(stage.shards.of(run).applied).toBe(status.totalBatches);
  await expectCleanedUp({ stage, servers, workers }, run);
}

export async function expectCleanedUp({ stage, servers, workers }: Cast, run: string): Promise<void> {
  const holders = (): string[] => [
    ...servers.filter((server) => server.hosted.has(run)).map((server) => server.name),
    ...workers.filter((worker) => worker.busy.has(run)).map((worker) => worker.name),
  ];
  for (let waitedMs = 0; waitedMs < 10_000 && holders().length > 0; waitedMs += 50) await stage.pass(50);
  expect(holders()).toEqual([]);
  expect(stage.failures).toEqual([]);
}
