/** Two workers that push and pull one shard over gRPC, as training does: one exchange after the other. */
import type { KernelMemory } from "@shoal/kernels-wasm";
import type { LinkFactory, ParameterLink } from "@shoal/protocol";
import { workers, type Mode } from "./cluster.ts";

export interface Trainers {
  /** All workers make so many steps each. */
  steps(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Vectors that all runs of one size work on, in turns: one to push, one for each worker to pull into. */
export interface Vectors {
  readonly gradient: Float32Array;
  readonly into: readonly Float32Array[];
  readonly free: () => void;
}

const patience = { deadlineMs: 60_000 };

export function takeVectors(memory: KernelMemory, bytes: number): Vectors {
  const regions = Array.from({ length: workers + 1 }, () => memory.allocate(bytes));
  const [gradient, ...into] = regions.map(({ byteOffset }) => memory.floats(byteOffset, bytes / 4).fill(1e-9));
  if (gradient === undefined) throw new Error("there is one region at least");
  return { gradient, into, free: () => regions.forEach((region) => memory.free(region)) };
}

/** Connects the workers and gives the shard its first values. */
export async function startTrainers(
  links: LinkFactory,
  endpoint: string,
  run: string,
  mode: Mode,
  { gradient, into }: Vectors,
): Promise<Trainers> {
  const connected = into.map((_, index) =>
    links.connect(endpoint, { run, worker: index + 1, incarnation: 1, name: `worker-${index + 1}` }),
  );
  await connected[0]?.initialize({ shard: 0, values: gradient }, patience);
  const made = into.map(() => ({ steps: 0, version: 0 }));
  const step = async (link: ParameterLink, slot: number): Promise<void> => {
    const state = made[slot];
    const target = into[slot];
    if (state === undefined || target === undefined) return;
    const clock = state.steps;
    const batch = mode === "synchronous" ? clock * workers + slot : null;
    const header = { shard: 0, sequence: clock + 1, clock, baseVersion: state.version, batch, samples: 1 };
    const { pull } = await link.pushPull(
      { ...header, gradient },
      { shard: 0, clock: clock + 1, into: target },
      patience,
    );
    state.steps += 1;
    state.version = pull.version;
  };
  return {
    async steps(count) {
      await Promise.all(
        connected.map(async (link, slot) => {
          for (let made_ = 0; made_ < count; made_++) await step(link, slot);
        }),
      );
    },
    async close() {
      await Promise.all(connected.map((link) => link.close()));
    },
  };
}
