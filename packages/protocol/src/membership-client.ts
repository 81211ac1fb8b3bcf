/**
 * A node's side of membership: joins, sends heartbeats, joins again when told to, says goodbye.
 *
 * Boundary  An actor over one reference to the coordinator; servers and workers use the same. What joining leads to is
 *           the caller's (`onJoined`).
 * Bounds    One timer at a time. Joins are repeated for as long as the actor lives, at most every `maximumBackoffMs`.
 * Invariants
 *   M1  At most one membership is held: of several welcomes (a join was repeated) the one with the newest incarnation.
 *   M2  Silence of the coordinator ends nothing here: work on known placements goes on, heartbeats are sent on, and
 *       only the coordinator's own word ("rejoin") makes the node join again.
 */
import {
  tryTell,
  type ActorContext,
  type ActorOptions,
  type ActorSystem,
  type BehaviorFactory,
  type Ref,
  type Timer,
} from "@shoal/actors";
import type { z } from "zod";
import type { CoordinatorMessage } from "./messages/coordinator.ts";
import {
  heartbeatReplySchema,
  heartbeatWantedSchema,
  joinReplySchema,
  type HeartbeatReply,
  type HeartbeatWanted,
  type JoinAsServer,
  type JoinAsWorker,
  type JoinReply,
} from "./messages/membership.ts";
import { acceptorOf, unionByType } from "./messages/schema.ts";

/** What the coordinator promised this node when it joined. */
export interface Joined {
  readonly member: number;
  readonly incarnation: number;
  readonly leaseMs: number;
}

export interface MembershipOptions {
  readonly coordinator: Ref<CoordinatorMessage>;
  /** The sentence with which this node joins. */
  readonly introduce: (replyTo: Ref<JoinReply>) => JoinAsServer | JoinAsWorker;
  /** Called after each join: at first, and again with another incarnation. Must not throw. */
  readonly onJoined: (joined: Joined) => void;
  /** Delay before a join is repeated for the first time: 250 ms; it doubles with each repetition. */
  readonly initialBackoffMs?: number;
  /** Largest delay between two joins: 5,000 ms. */
  readonly maximumBackoffMs?: number;
}

/** Under this name the coordinator finds it on every node. */
export const membershipActorName = "membership";

export interface Membership {
  /** The membership that is held now; undefined before the first join and after `leave`. */
  current(): Joined | undefined;
  /**
   * Asks the coordinator to give what this node holds to others; settles when it may go, or is no member. Heartbeats go on,
   * so work goes on too: `leave` follows. The caller bounds the wait. Idempotent.
   */
  drain(): Promise<void>;
  /** Tells the coordinator that this node goes and stops. Idempotent. */
  leave(): void;
}

/** What the membership actor hears: the coordinator's answers, and its own timer. */
export type MembershipEvent =
  | JoinReply
  | HeartbeatReply
  | HeartbeatWanted
  | { readonly type: "due" }
  | { readonly type: "drain"; readonly released: () => void }
  | { readonly type: "depart" };

/**
 * Delay before join number `attempt + 1`: doubles from `initialMs` to `maximumMs`, then spread by ±50 % so that nodes
 * that lost their coordinator together do not come back together.
 *
 * @param attempt joins sent so far, from 1
 * @param uniform a random number in [0, 1)
 */
export function joinBackoffMs(attempt: number, initialMs: number, maximumMs: number, uniform: number): number {
  const base = Math.min(maximumMs, initialMs * 2 ** Math.min(attempt - 1, 30));
  return base * (0.5 + uniform);
}

/** What an answer of the coordinator means to a node that holds `current`. */
export function decideMembership(
  current: Joined | undefined,
  reply: JoinReply | HeartbeatReply,
): { readonly kind: "adopt" | "rejoin" | "released" | "ignore"; readonly reason: string } {
  switch (reply.type) {
    case "joined": {
      const newer = current === undefined || current.member !== reply.member || reply.incarnation > current.incarnation;
      if (newer) return { kind: "adopt", reason: `joined as member ${reply.member}, incarnation ${reply.incarnation}` };
      return { kind: "ignore", reason: "a welcome to a join that was repeated" };
    }
    case "rejoin":
      // A repeated join may have been welcomed since: to join once more would end the membership that just began.
      if (current?.member === reply.member && current.incarnation === reply.incarnation)
        return { kind: "rejoin", reason: "the coordinator does not know this node" };
      return { kind: "ignore", reason: "an answer to a heartbeat of an earlier membership" };
    case "heartbeat_acknowledged": {
      const isReleased = reply.released === true && reply.member === current?.member;
      return isReleased
        ? { kind: "released", reason: "nothing depends on this node" }
        : { kind: "ignore", reason: "alive" };
    }
  }
}

/** Starts the actor that keeps this node a member. */
export function startMembership(system: ActorSystem, options: MembershipOptions): Membership {
  let joined: Joined | undefined;
  const farewell = (): void => {
    if (joined === undefined) return;
    const { member, incarnation } = joined;
    joined = undefined;
    sayTo(options.coordinator, { type: "leave", member, incarnation });
  };
  const behavior = createMembership(options, (next) => {
    joined = next;
  });
  const settings: ActorOptions<MembershipEvent> = { accepts: acceptorOf(repliesSchema), onStop: farewell };
  const actor = system.spawn<MembershipEvent>(membershipActorName, behavior, settings);
  return {
    current: () => joined,
    drain: () =>
      joined === undefined
        ? Promise.resolve()
        : new Promise((released) => {
            actor.tell({ type: "drain", released });
          }),
    leave: () => {
      farewell();
      actor.tell({ type: "depart" });
    },
  };
}

const repliesSchema: z.ZodType<MembershipEvent> = unionByType<MembershipEvent>([
  joinReplySchema,
  heartbeatReplySchema,
  heartbeatWantedSchema,
]);

function createMembership(
  options: MembershipOptions,
  hold: (joined: Joined | undefined) => void,
): BehaviorFactory<MembershipEvent> {
  return (context) => {
    let joined: (Joined & { readonly heartbeatMs: number }) | undefined;
    let attempts = 0;
    const leavers: (() => void)[] = [];
    let timer: Timer = context.after(0, { type: "due" });

    const schedule = (delayMs: number): void => {
      timer.cancel();
      timer = context.after(delayMs, { type: "due" });
    };
    const due = (): void => {
      if (joined !== undefined) {
        const { member, incarnation, heartbeatMs } = joined;
        const leaving = leavers.length > 0 ? { leaving: true } : {};
        sayTo(options.coordinator, { type: "heartbeat", member, incarnation, ...leaving, replyTo: context.self });
        schedule(heartbeatMs);
        return;
      }
      sayTo(options.coordinator, options.introduce(context.self));
      attempts += 1;
      schedule(backoff(options, attempts, context));
    };
    const hear = (reply: JoinReply | HeartbeatReply): void => {
      const decision = decideMembership(joined, reply);
      if (decision.kind === "adopt" && reply.type === "joined") {
        joined = reply;
        attempts = 0;
        const { member, incarnation, leaseMs } = reply;
        hold({ member, incarnation, leaseMs });
        // The first heartbeat tells the coordinator that its welcome arrived: only then is this node given work.
        schedule(0);
        options.onJoined({ member, incarnation, leaseMs });
      } else if (decision.kind === "released") {
        for (const released of leavers) released();
      } else if (decision.kind === "rejoin") {
        joined = undefined;
        hold(undefined);
        schedule(0);
      }
    };
    return (event) => {
      if (event.type === "due") due();
      else if (event.type === "heartbeat_wanted") {
        if (joined !== undefined) due();
        tryTell(event.replyTo, { type: "heartbeat_sent" });
      } else if (event.type === "drain") {
        leavers.push(event.released);
        schedule(0);
      } else if (event.type === "depart") context.stop();
      else hear(event);
    };
  };
}

function backoff(options: MembershipOptions, attempts: number, context: ActorContext<MembershipEvent>): number {
  const { initialBackoffMs = 250, maximumBackoffMs = 5000 } = options;
  return joinBackoffMs(attempts, initialBackoffMs, maximumBackoffMs, context.random.uniform());
}

/** A sentence that is lost (no connection, full mailbox) is repeated by the timer: nothing else need happen. */
function sayTo(coordinator: Ref<CoordinatorMessage>, message: CoordinatorMessage): void {
  try {
    coordinator.tell(message);
  } catch {
    // M2: the next heartbeat or join says it again.
  }
}
