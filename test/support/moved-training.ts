/** Two workers that train on shards which move about, step by step; the gradients are a formula. */
import { createRandom, type Clock } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { parseEncodingSpec, type EncodingSpec } from "@shoal/optimization";
import type { LinkFactory, Placement } from "@shoal/protocol";
import { createParameterClient, type Contribution, type ParameterClient } from "@shoal/worker";
import { movingRun } from "./moving-shards.ts";

/** How a step's contribution goes out. */
export type Manner = "push_pull" | "push_then_pull" | "staged" | "fragments";

export interface MovedTrainingOptions {
  readonly clock: Clock;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly links: LinkFactory;
  readonly placement: Placement;
  readonly steps: number;
  readonly manner: Manner;
  readonly encoding?: { readonly push: EncodingSpec; readonly pull: EncodingSpec };
  readonly workers?: number;
  /** Called by each worker before each of its steps. */
  readonly pause?: () => Promise<void>;
}

export interface MovedTraining {
  readonly clients: readonly ParameterClient[];
  /** Settles when every worker has made every step. */
  readonly done: Promise<void>;
  /** Parts that arrived early, by worker: "shard version" in their order. */
  readonly arrived: readonly string[][];
}

export function startMovedTraining(options: MovedTrainingOptions): MovedTraining {
  const { clock, memory, kernels, links, placement, workers = 2 } = options;
  const size = placement.shards.at(-1)?.end ?? 0;
  const take = (): Float32Array => memory.floats(memory.allocate(size * 4).byteOffset, size).fill(0);
  const encoding = encodingOf(options.encoding, memory, kernels);
  const clients = Array.from({ length: workers }, (_, index) =>
    createParameterClient({
      ...{ placement, links, clock, random: createRandom(index + 1) },
      identity: { run: movingRun, worker: index + 1, incarnation: 1, name: `worker-${index + 1}` },
      retry: { attemptMs: 2_000 },
      ...(encoding !== undefined && { encoding }),
    }),
  );
  const arrived = clients.map((): string[] => []);
  const train = async (client: ParameterClient, slot: number): Promise<void> => {
    const values = [take(), take()] as const;
    const gradient = take();
    await client.initialize(new Float32Array(size).fill(1));
    let base = await client.pull({ clock: 0, into: values[0] });
    for (let step = 0; step < options.steps; step++) {
      await options.pause?.();
      const [now, next] = step % 2 === 0 ? values : [values[1], values[0]];
      const isFixed = options.encoding !== undefined;
      for (let key = 0; key < size; key++)
        gradient[key] = gradientOf(key, step * workers + slot, isFixed ? 1 : (now[key] ?? 0));
      const contribution: Contribution = {
        ...{ clock: step, batch: step * workers + slot, samples: 4, gradient, base },
        computed: { startedAtMs: clock.now(), endedAtMs: clock.now(), samples: 4, loss: 0 },
        ...(options.manner === "fragments" && { isDue: (index: number) => index % 2 === step % 2 }),
      };
      const seen = arrived[slot] ?? [];
      base = await exchange(client, options.manner, contribution, {
        ...{ clock: step + 1, into: next, former: now },
        arrived: (index, version) => void seen.push(`${index} ${version}`),
      });
    }
  };
  const done = Promise.all(clients.map(train)).then(() => undefined);
  return { clients, done, arrived };
}

type Target = Parameters<ParameterClient["pull"]>[0];

async function exchange(client: ParameterClient, manner: Manner, contribution: Contribution, target: Target) {
  if (manner === "push_then_pull") {
    await client.push(contribution);
    return client.pull(target);
  }
  if (manner !== "staged") return (await client.pushPull(contribution, target)).pulled;
  const staged = client.stagedPush(contribution, target);
  for (const { begin } of client.placement.shards.toReversed()) {
    await Promise.resolve();
    staged.begin(begin);
  }
  return (await staged.outcome).pulled;
}

/** Exact in float32 for the small numbers of a test, and different for every batch and key. */
function gradientOf(key: number, batch: number, value: number): number {
  return value / 2 + ((key * 7 + batch * 13) % 32) / 8 - 2;
}

function encodingOf(encoding: MovedTrainingOptions["encoding"], memory: KernelMemory, kernels: Kernels) {
  if (encoding === undefined) return undefined;
  const [push, pull] = [parseEncodingSpec(encoding.push), parseEncodingSpec(encoding.pull)];
  if (pull.name === "auto") throw new Error("pulls have one encoding");
  return { push, pull, memory, kernels };
}
