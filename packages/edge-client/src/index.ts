export {
  createEdgeTrainer,
  type EdgeTask,
  type EdgeTrainer,
  type EdgeTrainerOptions,
  type EdgeUpdate,
} from "./edge-trainer.ts";
