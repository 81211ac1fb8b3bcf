export { connectEdge, createClientKey, type ConnectEdgeOptions, type EdgeConnection } from "./connect/connect-edge.ts";
export type { ComputePort } from "./compute/compute-messages.ts";
export { createComputeTrainer, type ComputeTrainerOptions } from "./compute/compute-trainer.ts";
export { serveTrainer } from "./compute/serve-trainer.ts";
export {
  enrolmentPath,
  enrolmentRequestSchema,
  natsPath,
  type Enrolment,
  type EnrolmentRequest,
} from "./connect/enrolment.ts";
export {
  createEdgeTrainer,
  type EdgeMeasurement,
  type EdgeTask,
  type EdgeTrainer,
  type EdgeTrainerOptions,
  type EdgeUpdate,
} from "./edge-trainer.ts";
export { join } from "#join";
export type { JoinedSession, JoinEvent, JoinOptions, JoinTask, JoinTraffic, TrainingData } from "./join/join-task.ts";
export { openNatsLink, type NatsLink, type NatsLinkOptions } from "./nats/nats-link.ts";
export { createBrowserHints, type HintScope, type ReconnectHints } from "./nats/reconnect-hints.ts";
export type { NatsLineOptions } from "./nats/nats-line.ts";
export { createLinkPlane, type LinkReply, type PlaneLink } from "./plane/link-plane.ts";
export { createNatsClientPlane, type NatsClientPlaneOptions } from "./plane/nats-client-plane.ts";
export { createInlineTrainer, type InlineTrainerOptions } from "./session/inline-trainer.ts";
export { openSession, type Session } from "./session/open-session.ts";
export type { SessionOptions } from "./session/session-state.ts";
export type { LocalResult, LocalTrainer, LocalWork, UpdateCodec } from "./session/local-training.ts";
export type { RoundSummary } from "@shoal/federated";
export type { ModelParameter, SessionModel } from "./session/newest-model.ts";
export type { SessionEvent } from "./session/session-event.ts";
export { createKernelCodec, type KernelCodec } from "./session/kernel-codec.ts";
export { createUpdateCodec } from "./session/update-codec.ts";
export { createMemoryStorage, type ClientStorage } from "./storage/client-storage.ts";
export { openIndexedDbStorage } from "./storage/indexed-db-storage.ts";
