/**
 * Shard actor: owns the values of one key range and applies pushes to them.
 *
 * Boundary  Who may push and pull when is decided in consistency.ts; how bytes come and go is the links' and services'.
 * State     values, sum and optimiser slots in kernel memory (shard-vectors.ts); version, clocks, filters (progress.ts);
 *           the step in progress (barrier.ts); who waits (waits.ts).
 * Bounds    mailbox `shardCapacity` (256) messages, 1,024 waiting requests, 65,536 remembered updates; the first two
 *           refuse with `mailbox_full`, the last forgets the oldest.
 * Invariants
 *   I1  The version grows by exactly one with each applied push, or with each applied synchronous step.
 *   I2  Values are written only between two messages: a pull never sees half an update.
 *   I3  Each push counts once, by (worker, incarnation, sequence) and by batch; each is released and answered.
 *   I4  A request that cannot be served costs its sender an error and leaves the state as it was.
 * Source    Li et al., OSDI 2014 (parameter server); Ho et al., NIPS 2013 (stale synchronous parallel).
 */
import { tryTell, type Timer, type ActorContext, type ActorOptions, type BehaviorFactory } from "@shoal/actors";
import type { ShardCommand } from "@shoal/protocol";
import { considerClosing } from "./close-step.ts";
import { expireRequests } from "./deadlines.ts";
import { describe } from "./describe.ts";
import { handleInitialize } from "./initialize.ts";
import { handleMembers } from "./members.ts";
import { handlePull } from "./pull.ts";
import { handlePush } from "./push.ts";
import { retire } from "./retire.ts";
import type { ShardState } from "./shard-state.ts";
import { restoreSnapshot, takeSnapshot } from "./snapshot.ts";

/** Messages that may wait in a shard's mailbox: a gradient stands behind most of them. */
export const shardCapacity = 256;

/** What a shard hears from its own timer and from its host. */
export type ShardSignal =
  | { readonly type: "deadline_due" }
  /** "Look again whether the step is worth waiting for." */
  | { readonly type: "step_due" }
  /** "You are no longer needed: answer those who wait, and stop." */
  | { readonly type: "retire" };

/** The behaviour of a shard over its state. It is spawned once: a restart would find its state half changed. */
export function createShard(state: ShardState): BehaviorFactory<ShardCommand | ShardSignal> {
  return (context) => {
    let lookAgain: Timer | undefined;
    state.lookAgain = (ms) => {
      lookAgain?.cancel();
      lookAgain = context.after(ms, { type: "step_due" });
    };
    state.waits.watchWith((atMs) => context.after(Math.max(0, atMs - context.clock.now()), { type: "deadline_due" }));
    return (command) => {
      handle(state, command, context);
    };
  };
}

function handle(
  state: ShardState,
  command: ShardCommand | ShardSignal,
  context: ActorContext<ShardCommand | ShardSignal>,
): void {
  const now = context.clock.now();
  switch (command.type) {
    case "push":
      handlePush(state, command, now);
      return;
    case "pull":
      handlePull(state, command, now);
      return;
    case "initialize":
      handleInitialize(state, command, now);
      return;
    case "update_members":
      handleMembers(state, command.members, now);
      return;
    case "describe":
      tryTell(command.replyTo, describe(state));
      return;
    case "snapshot":
      tryTell(command.replyTo, takeSnapshot(state));
      return;
    case "restore":
      tryTell(command.replyTo, restoreSnapshot(state, command.snapshot, now));
      return;
    case "deadline_due":
      expireRequests(state, now);
      return;
    case "step_due":
      considerClosing(state, now);
      return;
    case "retire":
      retire(state, now);
      context.stop();
  }
}

/** How a shard is run. @param onStop gives back what the shard holds */
export function shardActorOptions(onStop: () => void): ActorOptions<ShardCommand | ShardSignal> {
  return {
    capacity: shardCapacity,
    isControl: ({ type }) =>
      type === "update_members" || type === "describe" || type === "deadline_due" || type === "step_due",
    supervision: { strategy: "stop" },
    onStop,
  };
}
