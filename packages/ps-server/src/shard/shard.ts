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
import type { Refusal, ShardCommand, ShardSeat } from "@shoal/protocol";
import { advance } from "../replication/advance.ts";
import { handleInstall, handleReplicate } from "../replication/follow.ts";
import { notPrimary } from "../replication/step-down.ts";
import { promote, rebase, takeSeat } from "../replication/take-seat.ts";
import { considerCut, copyNow, handleSnapshot } from "./awaited-cut.ts";
import { considerClosing } from "./close-step.ts";
import { expireRequests } from "./deadlines.ts";
import { describe } from "./describe.ts";
import { handleInitialize } from "./initialize.ts";
import { handleMembers } from "./members.ts";
import { handlePull } from "./pull.ts";
import { handlePush } from "./push.ts";
import { retire } from "./retire.ts";
import type { ShardState } from "./shard-state.ts";
import { restoreSnapshot } from "./snapshot.ts";

/** Messages that may wait in a shard's mailbox: a gradient stands behind most of them. */
export const shardCapacity = 256;

/** What a shard hears from its own timer and from its host. */
export type ShardSignal =
  | { readonly type: "deadline_due" }
  /** "Look again whether the step is worth waiting for." */
  | { readonly type: "step_due" }
  /** "Something has come from another copy, or is due to be sent there." */
  | { readonly type: "replication_due" }
  /** "Copy yourself for a snapshot, if you have not yet." */
  | { readonly type: "copy_due" }
  /** "This is your shard's seat now." */
  | { readonly type: "seat"; readonly seat: ShardSeat }
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
    joinCopies(state, context);
    return (command) => {
      handle(state, command, context);
      advance(state, context.clock.now());
      considerCut(state, () => context.self.tell({ type: "copy_due" }));
    };
  };
}

function restore(state: ShardState, command: Extract<ShardCommand, { type: "restore" }>, now: number): void {
  state.beforeChange?.();
  const outcome = restoreSnapshot(state, command.snapshot, now);
  if (outcome.type === "restored" && state.replication !== undefined) rebase(state.replication);
  tryTell(command.replyTo, outcome);
}

/** A fresh primary begins its log; turns come from the actor from now on. */
function joinCopies(state: ShardState, context: ActorContext<ShardCommand | ShardSignal>): void {
  const { replication } = state;
  if (replication === undefined) return;
  const { clock, self } = context;
  replication.turns.attach(
    () => tryTell(self, { type: "replication_due" }) === undefined,
    (atMs, callback) => clock.after(Math.max(0, atMs - clock.now()), callback),
    () => clock.now(),
  );
  if (replication.role !== "primary") return;
  promote(state, replication);
  replication.turns.at(clock.now());
}

function handle(
  state: ShardState,
  command: ShardCommand | ShardSignal,
  context: ActorContext<ShardCommand | ShardSignal>,
): void {
  const now = context.clock.now();
  if (isForPrimary(command) && refuseAsOther(state, command)) return;
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
      handleSnapshot(state, command);
      return;
    case "restore":
      restore(state, command, now);
      return;
    case "deadline_due":
      expireRequests(state, now);
      return;
    case "step_due":
      considerClosing(state, now);
      return;
    case "replicate":
      handleReplicate(state, command.entry, command.replyTo, now);
      return;
    case "install":
      handleInstall(state, command.part, command.replyTo, now);
      return;
    case "replication_due":
      return;
    case "copy_due":
      copyNow(state);
      return;
    case "seat":
      if (state.replication !== undefined) takeSeat(state, state.replication, command.seat, now);
      return;
    case "retire":
      retire(state, now);
      context.stop();
  }
}

type AskedOfPrimary = Extract<ShardCommand, { type: "push" | "pull" | "initialize" | "restore" }>;

function isForPrimary(command: ShardCommand | ShardSignal): command is AskedOfPrimary {
  return ["push", "pull", "initialize", "restore"].includes(command.type);
}

/** @returns false where this copy is the primary's, or the only one */
function refuseAsOther(state: ShardState, command: AskedOfPrimary): boolean {
  const { replication } = state;
  if (replication === undefined || replication.role === "primary") return false;
  if (command.type === "push") command.release();
  tryTell<Refusal>(command.replyTo, notPrimary(state, replication));
  return true;
}

/** How a shard is run. @param onStop gives back what the shard holds */
export function shardActorOptions(onStop: () => void): ActorOptions<ShardCommand | ShardSignal> {
  return {
    capacity: shardCapacity,
    isControl: ({ type }) =>
      type === "update_members" ||
      type === "describe" ||
      type === "deadline_due" ||
      type === "step_due" ||
      type === "replication_due" ||
      type === "seat",
    supervision: { strategy: "stop" },
    onStop,
  };
}
