import { systemClock } from "@shoal/actors";
import { createInProcessLinkFactory } from "@shoal/worker";
import { describeShardCases } from "./link-cases/shard-cases.ts";

describeShardCases("in-process", {
  expose: (_host, node) => Promise.resolve({ endpoint: node, close: () => Promise.resolve() }),
  createFactory: (hosts, kit) =>
    createInProcessLinkFactory({ directoryOf: (endpoint) => hosts.get(endpoint), clock: systemClock, ...kit }),
});
