import { makeInProcessScene } from "../../support/link-scene.ts";
import { describeParameterLink } from "./link.contract.ts";

describeParameterLink("in-process", makeInProcessScene);
