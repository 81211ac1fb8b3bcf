/** Child process: a server with one shard of the size in its first parameter (keys). Tells its peak memory when asked. */
import { createActorSystem, createInProcessBus, createRandom, systemClock } from "@shoal/actors";
import { createParameterRpcServer, createShardHost } from "@shoal/ps-server";
import { kernelFixture } from "./model-kernels.ts";
import { plainShards } from "./plain-shards.ts";

const keys = Number(process.argv[2]);
const members = Array.from({ length: Number(process.argv[3]) }, (_, index) => index + 1);

const { memory, kernels } = await kernelFixture();
const system = createActorSystem({
  node: "server-1",
  bus: createInProcessBus(),
  clock: systemClock,
  random: createRandom(1),
});
const host = createShardHost({ system, memory, kernels });
await host.host({
  run: "run-1",
  term: 1,
  ...plainShards({ shard: 0, begin: 0, end: keys }),
  optimizer: { name: "sgd", learningRate: 1 },
  schedule: { name: "constant" },
  consistency: { mode: "asynchronous" },
  aggregation: "sum",
  staleness: { weight: { name: "none" } },
  slots: members.length,
  members: {
    revision: 1,
    workers: members.map((member) => ({ member, incarnation: 1, name: `worker-${member}` })),
    slotOwners: members,
  },
});
const server = createParameterRpcServer({ shards: host, memory, kernels, clock: systemClock });
process.send?.({ endpoint: await server.listen({ host: "127.0.0.1", port: 0 }) });
process.on("message", () => {
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  process.send?.({ peakBytes, kernelBytes: memory.allocatedBytes });
});
process.on("disconnect", () => process.exit());
