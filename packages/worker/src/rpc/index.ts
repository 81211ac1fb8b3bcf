/** The gRPC links to parameter servers: of workers, and of other servers. */
export {
  createGrpcLinkFactory,
  createGrpcReplicaLinkFactory,
  type GrpcLinkFactoryOptions,
} from "./grpc-link-factory.ts";
