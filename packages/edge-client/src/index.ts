export {
  createEdgeTrainer,
  type EdgeTask,
  type EdgeTrainer,
  type EdgeTrainerOptions,
  type EdgeUpdate,
} from "./edge-trainer.ts";
export { createNatsClientPlane, type NatsClientPlaneOptions } from "./plane/nats-client-plane.ts";
