/** The data plane's wire format, free of sockets: both ends of the gRPC link are built of these. */
export * from "./encode-frame.ts";
export { errorOfTrailers, errorTrailer, errorTrailers, percentDecode, percentEncode } from "./error-wire.ts";
export {
  createFrameParser,
  type FrameParser,
  type FrameParserOptions,
  type FrameSink,
  type PayloadPlace,
} from "./frame-parser.ts";
export {
  createFramePump,
  type FramePump,
  type FramePumpOptions,
  type FrameSource,
  type OutgoingFrame,
} from "./frame-pump.ts";
export { malformedFrame, messagePrefix, prefixBytes } from "./header-collector.ts";
export { startKeepalive, type KeepaliveOptions } from "./keepalive.ts";
export * from "./limits.ts";
export type { EntryHeader, InstallHeader } from "./replication-frame.ts";
export * from "./request-frame.ts";
export * from "./response-frame.ts";
export * from "./stream-metadata.ts";
export * from "./transfer.ts";
export {
  ParameterRequestSchema,
  ParameterResponseSchema,
  ParameterServer,
  type ParameterRequest,
  type ParameterResponse,
} from "../generated/shoal/v1/parameter_server_pb.ts";
