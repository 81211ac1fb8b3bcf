/**
 * Looks whether anybody is there under a member's name: asks its membership actor for a heartbeat. The bus answers at once
 * where nobody listens; silence proves nothing.
 *
 * Bounds  One search for a member at a time, of `deadlinesMs.length` questions: the bus may notice a little later than others
 *         that a process is gone.
 */
import type { ActorSystem, Ref } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import {
  acceptorOf,
  heartbeatSentSchema,
  membershipActorName,
  type HeartbeatSent,
  type HeartbeatWanted,
} from "@shoal/protocol";
import type { Member } from "./membership.ts";

/** What a search has found; nothing is said where somebody is there, or silent. */
export interface MemberDeaf {
  readonly type: "member_deaf";
  readonly member: number;
  readonly incarnation: number;
  readonly askedAtMs: number;
}

const deadlinesMs = [25, 50, 100, 200] as const;

const accepts = acceptorOf(heartbeatSentSchema);

/** @returns begins a search, unless one for this member is under way */
export function createSearch(system: ActorSystem, reports: Ref<MemberDeaf>): (member: Member) => void {
  const underWay = new Set<number>();
  const search = async ({ member, incarnation, name }: Member): Promise<void> => {
    const node = system.ref<HeartbeatWanted>(`${name}/${membershipActorName}`);
    for (const deadlineMs of deadlinesMs) {
      const askedAtMs = system.clock.now();
      try {
        await system.ask<HeartbeatWanted, HeartbeatSent>(node, (replyTo) => ({ type: "heartbeat_wanted", replyTo }), {
          ...{ deadlineMs, accepts },
          reason: `for a sign of life from ${name}`,
        });
        return;
      } catch (error) {
        if (!isShoalError(error, "actor_not_found")) continue;
        reports.tell({ type: "member_deaf", member, incarnation, askedAtMs });
        return;
      }
    }
  };
  return (member) => {
    if (underWay.has(member.member)) return;
    underWay.add(member.member);
    void search(member)
      .catch(() => undefined)
      .then(() => underWay.delete(member.member));
  };
}
