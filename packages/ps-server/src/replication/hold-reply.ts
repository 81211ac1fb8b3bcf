/** Keeps back what must not be said before the replicas have what it depends on (output commit). */
import type { Context } from "@opentelemetry/api";
import type { Refusal } from "@shoal/protocol";
import { refusal } from "../shard/requests.ts";
import { describeShard, type ShardState } from "../shard/shard-state.ts";
import { openReplicate } from "../shard/spans.ts";
import type { HeldReply } from "./held-replies.ts";
import { isWaitedFor } from "./peer.ts";
import type { Replication } from "./replication.ts";
import { describeHolder } from "./seat-roles.ts";

export interface Ready extends Pick<HeldReply, "kind" | "waiter" | "deadlineAtMs" | "deliver" | "refuse"> {
  /** Trace of the request. */
  readonly context: Context;
}

/** Delivers a reply, now or as soon as it may be; or refuses it, at its deadline or when its place is taken. */
export function deliverWhenCommitted(state: ShardState, ready: Ready): void {
  const { replication } = state;
  if (replication === undefined || !holdsReplies(replication)) {
    ready.deliver();
    return;
  }
  const { history, held } = replication;
  const { index } = history;
  if (index <= replication.committed) {
    ready.deliver();
  } else if (held.isFull) {
    ready.refuse(refusal("mailbox_full", `${describeShard(state)}: too many replies wait for its replicas already`));
  } else {
    const { kind, waiter, deadlineAtMs, context } = ready;
    const sinceMs = state.options.clock.now();
    const end = openReplicate(state, context, index, () => laggards(state, index));
    held.add({
      ...{ index, kind, waiter, sinceMs, deadlineAtMs },
      deliver() {
        end();
        ready.deliver();
      },
      refuse(answer) {
        end();
        ready.refuse(answer);
      },
    });
  }
}

/** In memory mode too while a learner is about to take over: a shard that is moved loses nothing. */
function holdsReplies({ options, peers }: Replication): boolean {
  return options.acknowledge === "memory" ? peers.some(({ isCounted }) => isCounted) : peers.some(isWaitedFor);
}

/** Those who are waited for and do not have this entry: "server-2 (replica)". */
export function laggards({ replication }: ShardState, index: number): readonly string[] {
  const late = replication?.peers.filter((peer) => isWaitedFor(peer) && peer.acked < index) ?? [];
  return late.map(({ holder, role }) => describeHolder(holder.node, role));
}

/** For whom a held reply waits, and why, as a phrase that follows "waits for". */
export function explainHeld(
  state: ShardState,
  { index }: HeldReply,
): { readonly waitingFor: readonly string[]; readonly reason: string } {
  const waitingFor = laggards(state, index);
  return { waitingFor, reason: `${waitingFor.join(", ")}, entry ${index}` };
}

export function expireHeld(state: ShardState, now: number): void {
  for (const reply of state.replication?.held.takeExpired(now) ?? []) reply.refuse(overdue(state, reply, now));
}

function overdue(state: ShardState, reply: HeldReply, now: number): Refusal {
  const { waitingFor, reason } = explainHeld(state, reply);
  const waitedMs = now - reply.sinceMs;
  const sentence = `${describeShard(state)}: ${reply.waiter} waits for ${reason} since ${(waitedMs / 1000).toFixed(1)} s`;
  return refusal("deadline_exceeded", sentence, {
    run: state.options.run,
    shard: state.options.shard,
    waiter: reply.waiter,
    waitingFor: waitingFor.join(", "),
    reason,
    waitedMs,
  });
}
