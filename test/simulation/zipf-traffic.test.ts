/** Real shards whose keys are read in proportion to Zipf's law: their servers count the traffic, and it is evened out. */
import { createRandom } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { ParameterLink, RunStatus } from "@shoal/protocol";
import { expect, it } from "vitest";
import { createTrainingSite, type TrainingCluster } from "../support/training-cluster.ts";
import { trainVirtually, type Disturb } from "../support/virtual-training.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 330, testSamples: 100, seed: 4 });
const shards = 64;
const keys = 784 * 10 + 10;
const exponent = 1.1;
const readsAtOnce = 50;

const job = checkJob({
  name: "digits",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits", samples: 330, testSamples: 100, seed: 4 },
  optimizer: { name: "sgd", learningRate: 0.01 },
  consistency: { mode: "asynchronous" },
  ...{ shards, workers: 2, batchSize: 16, epochs: 3, seed: 7, durability: { replicas: 0 } },
});

/** What a server says of a shard that is not its own. */
const elsewhere: ReadonlySet<string> = new Set(["not_primary", "unknown_shard"]);

/** Reads shards where they are; follows them where they go. */
function createReader(cluster: TrainingCluster, run: string) {
  const links = new Map<string, ParameterLink>();
  const homes = new Map<number, string>();
  const into = site.memory.floats(site.memory.allocate(keys * 4).byteOffset, keys);
  const linkTo = (endpoint: string): ParameterLink => {
    const identity = { run, worker: 1000, incarnation: 1, name: "reader" };
    const link = links.get(endpoint) ?? cluster.links.connect(endpoint, identity);
    links.set(endpoint, link);
    return link;
  };
  /** @returns the server that was read from */
  return async (shard: number): Promise<string> => {
    const range = { begin: Math.floor((keys * shard) / shards), end: Math.floor((keys * (shard + 1)) / shards) };
    for (const server of [homes.get(shard), "server-1", "server-2", "server-3", "server-4"]) {
      if (server === undefined) continue;
      const request = { shard, clock: 0, into: into.subarray(0, range.end - range.begin) };
      const found = await linkTo(server)
        .pull(request, { deadlineMs: 1000 })
        .then(
          () => true,
          (error: unknown) => !elsewhere.has(ShoalError.from(error).code),
        );
      if (!found) continue;
      homes.set(shard, server);
      return server;
    }
    return "nobody";
  };
}

const fullest = ({ servers }: RunStatus): number => Math.max(...servers.map(({ timesMean }) => timesMean));
const busiest = ({ servers }: RunStatus): number => {
  const rates = servers.map(({ bytesPerSecond }) => bytesPerSecond);
  return (Math.max(...rates) * rates.length) / rates.reduce((sum, rate) => sum + rate, 0);
};

it("Zipf(1.1) traffic over 64 shards leaves no server with more than 1.2 times the mean load", async () => {
  const seen: RunStatus[] = [];
  /** What the server with the hottest shards would be read, in multiples of the mean, had nothing moved. */
  let readBefore = 0;
  const readInProportion: Disturb = async (cluster, after, run) => {
    const read = createReader(cluster, run);
    const random = createRandom("zipf");
    // The hottest are all on one server, and the coldest on another.
    const homes = await Promise.all(
      Array.from({ length: shards }, async (_, shard) => [shard, await read(shard)] as const),
    );
    const byServer = homes.toSorted(([a, one], [b, other]) => (one < other ? -1 : one > other ? 1 : a - b));
    const shardOf = (rank: number): number => byServer[rank]?.[0] ?? 0;
    const shares = Array.from({ length: shards }, (_, rank) => (rank + 1) ** -exponent);
    const all = shares.reduce((sum, share) => sum + share, 0);
    const hottest = shares.slice(0, homes.filter(([, server]) => server === "server-1").length);
    readBefore = (4 * hottest.reduce((sum, share) => sum + share, 0)) / all;
    const draw = (): number => {
      let left = random.uniform() * all;
      return Math.max(
        0,
        shares.findIndex((share) => (left -= share) <= 0),
      );
    };
    for (let tick = 0; tick < 200; tick += 1) {
      await after(100);
      await Promise.all(Array.from({ length: readsAtOnce }, () => read(shardOf(draw()))));
      if (tick % 10 === 9) seen.push(await cluster.status(run));
    }
  };
  await trainVirtually({
    ...{ site, dataset, job, workers: 2, servers: 4, exchangeMs: 2000, lookMs: 200, disturb: readInProportion },
  });
  const last = seen.at(-1);
  if (last === undefined) throw new Error("nothing was seen");
  console.log(
    `busiest server: ${readBefore.toFixed(2)} times the mean traffic as shards were dealt, ${busiest(last).toFixed(2)} in the end; ` +
      `fullest (keys and traffic): ${fullest(last).toFixed(2)} times the mean load`,
  );
  expect(fullest(last)).toBeLessThanOrEqual(1.2);
  expect(readBefore).toBeGreaterThan(2);
  // Traffic alone as well, though keys count a quarter.
  expect(busiest(last)).toBeLessThanOrEqual(1.2);
});
