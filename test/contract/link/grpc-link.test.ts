import { makeGrpcScene } from "../../support/link-scene.ts";
import { describeParameterLink } from "./link.contract.ts";

describeParameterLink("gRPC", makeGrpcScene);
