/** The parameter service on gRPC. */
export { defaultServiceBounds, type ServiceBounds } from "./bounds.ts";
export type { HostedShards } from "./hosted-shards.ts";
export {
  createParameterRpcServer,
  type ParameterRpcServer,
  type ParameterRpcServerOptions,
  type RpcEngineName,
} from "./parameter-rpc-server.ts";
