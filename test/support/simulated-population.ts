/**
 * A population of federated clients in virtual time: the real protocol, aggregator and store, on a plane that loses and
 * delays messages; clients train for different times, and some vanish. A seed decides all of it.
 */
import { createHash } from "node:crypto";
import { createMemoryStore, createRandom, createSimulatedClock, simulate } from "@shoal/actors";
import { openAggregator } from "@shoal/aggregator";
import { createInProcessPlane, type RoundSummary } from "@shoal/federated";
import { createVectorCodecs } from "@shoal/optimization";
import { createKernelSite } from "./kernel-site.ts";
import { createPlayedClient } from "./played-client.ts";
import { descriptionOf, float32, settingsFor, taskSize as size } from "./played-task.ts";

export interface PopulationPlan {
  readonly seed: number;
  readonly clients: number;
  readonly rounds: number;
  readonly goal: number;
}

export interface PopulationRun {
  /** Of all that was told of rounds, and of the values: the same for the same seed. */
  readonly digest: string;
  readonly summaries: readonly RoundSummary[];
  /** Messages that were sent. */
  readonly messages: number;
  readonly virtualMs: number;
}

/** Of each message. */
const lossRate = 0.005;
/** Of clients in a round; Google saw 6 to 10 % (Bonawitz et al., 2019). */
const vanishRate = 0.08;

export async function playPopulation({ seed, clients, rounds, goal }: PopulationPlan): Promise<PopulationRun> {
  const clock = createSimulatedClock();
  const random = createRandom(`population ${seed}`);
  let messages = 0;
  const plane = createInProcessPlane({
    clock,
    delayMs: () => 5 + random.integer(80),
    isLost: () => {
      messages += 1;
      return random.uniform() < lossRate;
    },
  });
  const base = settingsFor({
    ...{ goal, minimum: Math.ceil(0.8 * goal), invited: Math.ceil(1.3 * goal) },
    ...{ selectionTimeoutMs: 60_000, configurationTimeoutMs: 5_000, reportingTimeoutMs: 120_000 },
  });
  const settings = { ...base, leaseMs: 600_000, roundMs: 60_000, mostClients: 2 * clients };
  const summaries: RoundSummary[] = [];
  const work = async (): Promise<Float32Array> => {
    const aggregator = await openAggregator({
      ...{ run: "population", description: descriptionOf(settings), settings, random: random.fork("aggregator") },
      ...{ plane: plane.aggregator, store: createMemoryStore(), clock },
      codecs: createVectorCodecs(float32, { size }, createKernelSite("baseline")),
      onRound: (summary) => void summaries.push(summary),
    });
    for (let index = 0; index < clients; index += 1) join(`client-${index}`, index);
    const values = new Float32Array(size);
    const gradient = new Float32Array(size);
    for (let step = 0; step < rounds; step += 1) {
      await aggregator.aggregate({ step, version: step, parameters: values, gradient });
      values.forEach((value, key) => (values[key] = value - (gradient[key] ?? 0)));
    }
    await aggregator.evaluated(values, { accuracy: 0, loss: 0 });
    await aggregator.finish("all rounds are done");
    await aggregator.close();
    return values;
  };
  const join = (name: string, index: number): void => {
    const own = random.fork(name);
    const target = new Float32Array(size).fill(own.uniform());
    const client = createPlayedClient({
      ...{ name, task: "digits", plane: plane.connect(name), clock, target, samples: 1 + own.integer(100) },
      // From 2 to 60 s, most of them short.
      ...{ trainMs: 2_000 * 30 ** (own.uniform() ** 2), vanishes: () => own.uniform() < vanishRate, awayMs: 90_000 },
    });
    // They come within ten seconds, not all at once.
    clock.after((10_000 * index) / clients, () => void client.start());
  };
  const values = await simulate(clock, work(), { forMs: 48 * 3_600_000, maximumSteps: 200_000_000 });
  const digest = createHash("sha256")
    .update(JSON.stringify([summaries, [...values]]))
    .digest("hex");
  return { digest, summaries, messages, virtualMs: clock.now() };
}
