/** Membership: how nodes join, stay and leave. Each sentence is said by a node to the coordinator, or back. */
import type { Ref } from "@shoal/actors";
import { z } from "zod";
import { countSchema, nameSchema, refSchema } from "./schema.ts";
import type { ServerCommand } from "./server-control.ts";
import type { WorkerCommand } from "./worker-control.ts";

/** "I am a server: my shards answer at `endpoint`, my control actor is `control`." */
export interface JoinAsServer {
  readonly type: "join_as_server";
  readonly node: string;
  readonly endpoint: string;
  readonly control: Ref<ServerCommand>;
  readonly replyTo: Ref<JoinReply>;
}

/** "I am a worker: give me runs at `control`." */
export interface JoinAsWorker {
  readonly type: "join_as_worker";
  readonly node: string;
  readonly control: Ref<WorkerCommand>;
  readonly replyTo: Ref<JoinReply>;
}

/** "I am alive." Sent every `heartbeatMs`. */
export interface Heartbeat {
  readonly type: "heartbeat";
  readonly member: number;
  readonly incarnation: number;
  /** "I want to go: give what I hold to others and tell me when I may." */
  readonly leaving?: boolean | undefined;
  readonly replyTo: Ref<HeartbeatReply>;
}

/** "I go now; do not wait for my lease to end." */
export interface Leave {
  readonly type: "leave";
  readonly member: number;
  readonly incarnation: number;
}

/**
 * "My connection to this node has broken, or cannot be made." What has become of the node the coordinator finds out: it may
 * be dead, or alive behind a line that is.
 */
export interface ReportBrokenLine {
  readonly type: "report_broken_line";
  /** Who says so. */
  readonly member: number;
  readonly incarnation: number;
  /** To whom; a node name. */
  readonly node: string;
  /** For how long nothing has come through, ms; 0: it worked until now. */
  readonly forMs: number;
}

export type JoinReply =
  /** "Welcome: this is your number. Without a heartbeat for `leaseMs` I give your work to others." */
  {
    readonly type: "joined";
    readonly member: number;
    readonly incarnation: number;
    readonly leaseMs: number;
    readonly heartbeatMs: number;
  };

export type HeartbeatReply =
  | {
      readonly type: "heartbeat_acknowledged";
      readonly member: number;
      /** To one that is leaving: "nothing depends on you any more, go." */
      readonly released?: boolean | undefined;
    }
  /** "I do not know you in this incarnation (any more): join again." */
  | { readonly type: "rejoin"; readonly member: number; readonly incarnation: number };

/**
 * "Are you there? Send me a heartbeat now." Said to a node's membership actor where something makes its death likely: that
 * nobody listens for it the bus says at once, long before its lease ends.
 */
export interface HeartbeatWanted {
  readonly type: "heartbeat_wanted";
  readonly replyTo: Ref<HeartbeatSent>;
}

export interface HeartbeatSent {
  readonly type: "heartbeat_sent";
}

export type MembershipMessage = JoinAsServer | JoinAsWorker | Heartbeat | Leave | ReportBrokenLine;

const member = { member: countSchema, incarnation: countSchema };

export const membershipSchemas: readonly [
  z.ZodType<JoinAsServer>,
  z.ZodType<JoinAsWorker>,
  z.ZodType<Heartbeat>,
  z.ZodType<Leave>,
  z.ZodType<ReportBrokenLine>,
] = [
  z.strictObject({
    type: z.literal("join_as_server"),
    node: nameSchema,
    endpoint: z.string().min(1).max(255),
    control: refSchema<ServerCommand>(),
    replyTo: refSchema<JoinReply>(),
  }),
  z.strictObject({
    type: z.literal("join_as_worker"),
    node: nameSchema,
    control: refSchema<WorkerCommand>(),
    replyTo: refSchema<JoinReply>(),
  }),
  z.strictObject({
    type: z.literal("heartbeat"),
    ...member,
    leaving: z.boolean().optional(),
    replyTo: refSchema<HeartbeatReply>(),
  }),
  z.strictObject({ type: z.literal("leave"), ...member }),
  z.strictObject({
    type: z.literal("report_broken_line"),
    ...member,
    node: nameSchema,
    forMs: z.number().min(0),
  }),
];

export const heartbeatWantedSchema: z.ZodType<HeartbeatWanted> = z.strictObject({
  type: z.literal("heartbeat_wanted"),
  replyTo: refSchema<HeartbeatSent>(),
});

export const heartbeatSentSchema: z.ZodType<HeartbeatSent> = z.strictObject({ type: z.literal("heartbeat_sent") });

export const joinReplySchema: z.ZodType<JoinReply> = z.strictObject({
  type: z.literal("joined"),
  ...member,
  leaseMs: z.number().positive(),
  heartbeatMs: z.number().positive(),
});

export const heartbeatReplySchema: z.ZodType<HeartbeatReply> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("heartbeat_acknowledged"),
    member: countSchema,
    released: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("rejoin"), ...member }),
]);
