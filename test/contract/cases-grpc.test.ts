import { systemClock } from "@shoal/actors";
import { createParameterRpcServer } from "@shoal/ps-server";
import { createGrpcLinkFactory } from "@shoal/worker";
import { describeShardCases } from "./link-cases/shard-cases.ts";

const token = "a token of the tests";

describeShardCases("gRPC", {
  async expose(host, _node, kit) {
    const server = createParameterRpcServer({ shards: host, token, clock: systemClock, ...kit });
    return { endpoint: await server.listen({ host: "127.0.0.1", port: 0 }), close: () => server.close() };
  },
  createFactory: () => createGrpcLinkFactory({ token, clock: systemClock }),
});
