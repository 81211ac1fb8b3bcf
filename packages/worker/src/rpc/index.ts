/** The gRPC link to parameter servers. */
export { createGrpcLinkFactory, type GrpcLinkFactoryOptions } from "./grpc-link-factory.ts";
