import { makeInProcessReplicaScene } from "../../support/replica-scene.ts";
import { describeReplicaLink } from "./replica-link.contract.ts";

describeReplicaLink("in-process", makeInProcessReplicaScene);
