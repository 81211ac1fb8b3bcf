/** Everything the coordinator's actor understands over the bus, as one union with one schema. */
import type { z } from "zod";
import { clientSchemas, type ClientMessage } from "./client.ts";
import { explainRunSchema, type ExplainRun } from "./explain-run.ts";
import { membershipSchemas, type MembershipMessage } from "./membership.ts";
import { unionByType } from "./schema.ts";
import { readRoundsSchema, type ReadRounds } from "./read-rounds.ts";
import { serverReplySchema, type ServerReply } from "./server-control.ts";
import { workSchemas, type WorkMessage } from "./work.ts";
import { workerReplySchema, type WorkerReply } from "./worker-control.ts";

export type CoordinatorMessage =
  ClientMessage | ExplainRun | ReadRounds | MembershipMessage | WorkMessage | ServerReply | WorkerReply;

export const coordinatorSchema: z.ZodType<CoordinatorMessage> = unionByType<CoordinatorMessage>([
  ...workSchemas,
  ...membershipSchemas,
  ...clientSchemas,
  explainRunSchema,
  readRoundsSchema,
  serverReplySchema,
  workerReplySchema,
]);
