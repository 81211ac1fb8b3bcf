/**
 * Control actor of a server node: carries out what the coordinator says about shards.
 *
 * Every command is answered, and idempotent: the coordinator repeats it until it hears the answer. Commands are handled
 * one after the other; only descriptions are gathered beside them, because a status must not hold up a run.
 */
import { tryTell, type ActorOptions, type Behavior, type Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  serverCommandSchema,
  type HostShards,
  type Joined,
  type SeatShards,
  type ServerCommand,
  type ServerReply,
  type UpdateRunMembers,
} from "@shoal/protocol";
import { maximumEndedRuns } from "./ended-runs.ts";
import type { ShardHost } from "./shard-host.ts";

/**
 * @param node name of this node, which stands in every answer
 * @param joined the membership that the node holds now
 */
export function createServerNode(
  node: string,
  host: ShardHost,
  joined: () => Joined | undefined,
): Behavior<ServerCommand> {
  /** Who asked last about each run: the coordinator, as it can be reached now. Bound: the `maximumEndedRuns` newest. */
  const askers = new Map<string, Ref<ServerReply>>();
  host.onCaughtUp((learner) => {
    const asker = askers.get(learner.run);
    if (asker !== undefined) tryTell(asker, { type: "learner_caught_up", node, ...learner });
  });
  return async (command) => {
    const { run } = command;
    if (command.type === "release_run") askers.delete(run);
    else if (command.type === "host_shards" || command.type === "seat_shards") remember(askers, run, command.replyTo);
    const fail = (error: unknown): ServerReply => ({
      type: "hosting_failed",
      run,
      node,
      error: ShoalError.from(error).toJSON(),
    });
    switch (command.type) {
      case "host_shards":
        if (isForAnotherLife(node, command, joined())) return;
        tryTell(command.replyTo, await hostShards(node, host, command).catch(fail));
        return;
      case "seat_shards":
        tryTell(command.replyTo, await seatShards(node, host, command).catch(fail));
        return;
      case "save_shards":
        host.save(command);
        return;
      case "update_run_members":
        tryTell(command.replyTo, updateMembers(node, host, command, fail));
        return;
      case "describe_shards":
        void describeShards(node, host, run)
          .catch(fail)
          .then((reply) => tryTell(command.replyTo, reply));
        return;
      case "release_run":
        await host.release(run);
        tryTell<ServerReply>(command.replyTo, { type: "run_released", run, node });
    }
  };
}

/** A command that comes after its run was released is answered, too, and must not be kept for ever. */
function remember(askers: Map<string, Ref<ServerReply>>, run: string, asker: Ref<ServerReply>): void {
  askers.delete(run);
  askers.set(run, asker);
  const [oldest] = askers.keys();
  if (askers.size > maximumEndedRuns && oldest !== undefined) askers.delete(oldest);
}

/**
 * True for what was given to a process before this one on the node: it would lead, or copy, what it does not hold, under a
 * term in which that one did. The coordinator repeats itself until it has heard of the new life.
 */
function isForAnotherLife(node: string, { life, shards }: HostShards, joined: Joined | undefined): boolean {
  if (life !== undefined && (life.member !== joined?.member || life.incarnation !== joined.incarnation)) return true;
  return shards.some(({ seat }) => {
    const holders = seat === undefined ? [] : [seat.primary, ...seat.replicas, ...seat.learners];
    const mine = holders.find((holder) => holder.node === node);
    return mine !== undefined && (mine.member !== joined?.member || mine.incarnation !== joined.incarnation);
  });
}

/** How the control actor is run. */
export const serverNodeOptions: ActorOptions<ServerCommand> = {
  capacity: 256,
  accepts: acceptorOf(serverCommandSchema),
};

async function hostShards(node: string, host: ShardHost, command: HostShards): Promise<ServerReply> {
  const { run, term } = command;
  return { type: "shards_hosted", run, node, term, seats: await host.host(command) };
}

async function seatShards(node: string, host: ShardHost, { run, seats }: SeatShards): Promise<ServerReply> {
  const known = await host.seat(run, seats);
  const missing = seats.map(({ shard }) => shard).filter((shard) => host.find(run, shard) === undefined);
  return { type: "shards_seated", run, node, seats: known, ...(missing.length > 0 && { missing }) };
}

function updateMembers(
  node: string,
  host: ShardHost,
  command: UpdateRunMembers,
  fail: (error: unknown) => ServerReply,
): ServerReply {
  const { run, members } = command;
  try {
    host.updateMembers(run, members);
    return { type: "members_updated", run, node, revision: members.revision };
  } catch (error) {
    return fail(error);
  }
}

async function describeShards(node: string, host: ShardHost, run: string): Promise<ServerReply> {
  return { type: "shards_described", run, node, shards: await host.describe(run) };
}
