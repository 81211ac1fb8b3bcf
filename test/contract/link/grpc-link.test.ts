import { makeGrpcScene, type Engine } from "../../support/link-scene.ts";
import { describeParameterLink } from "./link.contract.ts";

const scenesWith = (server: Engine, client: Engine) => (options: Parameters<typeof makeGrpcScene>[0]) =>
  makeGrpcScene({ ...options, engines: { server, client } });

describeParameterLink("gRPC", scenesWith("http2", "http2"));
// Each of our engines against the reference implementation: what one takes for granted, the other would stumble over.
describeParameterLink("gRPC (server on grpc-js)", scenesWith("grpc-js", "http2"));
describeParameterLink("gRPC (client on grpc-js)", scenesWith("http2", "grpc-js"));
