/** A server that keeps to the protocol and hosts nothing but the names of its shards. */
import type { ActorSystem, Ref } from "@shoal/actors";
import { ShoalError, type SerializedError } from "@shoal/errors";
import {
  acceptorOf,
  coordinatorAddress,
  serverCommandSchema,
  startMembership,
  type HostShards,
  type Membership,
  type ServerCommand,
  type ServerReply,
  type ShardSeat,
} from "@shoal/protocol";
import type { PlayedShards } from "./coordinator-shards.ts";

export interface PlayedServer {
  readonly name: string;
  /** Runs that it hosts, as it was told to at first. */
  readonly hosted: ReadonlyMap<string, HostShards>;
  /** The newest seats of the shards that it has, of all runs. */
  readonly seats: ReadonlyMap<number, ShardSeat>;
  /** Every seat that it led. */
  readonly led: readonly ShardSeat[];
  readonly membership: Membership;
  leave(): void;
}

export interface ServerScript {
  /** Answers host_shards with this error. */
  readonly failsWith?: SerializedError;
  /** Hears host_shards and says nothing. */
  readonly isMute?: boolean;
  /** How long a primary takes to fill a learner, ms. */
  readonly fillMs?: number;
}

type Inbox =
  ServerCommand | { readonly type: "filled"; readonly run: string; readonly shard: number; readonly term: number };

export function playServer(system: ActorSystem, shards: PlayedShards, script: ServerScript = {}): PlayedServer {
  const { node } = system;
  const hosted = new Map<string, HostShards>();
  const seats = new Map<number, ShardSeat>();
  const led: ShardSeat[] = [];
  let replies: Ref<ServerReply> | undefined;
  const isMe = ({ node: holder }: { readonly node: string }): boolean => holder === node;

  const control = system.spawn<Inbox>(
    "control",
    (context) => {
      const takeSeat = (run: string, seat: ShardSeat): void => {
        const known = seats.get(seat.shard);
        if (known !== undefined && known.term >= seat.term) return;
        if (![seat.primary, ...seat.replicas, ...seat.learners].some(isMe)) {
          seats.delete(seat.shard);
          return;
        }
        seats.set(seat.shard, seat);
        shards.of(run).seated(seat);
        if (!isMe(seat.primary)) return;
        led.push(seat);
        if (seat.learners.length > 0) {
          context.after(script.fillMs ?? 50, { type: "filled", run, shard: seat.shard, term: seat.term });
        }
      };
      return (command) => {
        if (command.type === "filled") {
          const seat = seats.get(command.shard);
          if (seat?.term !== command.term || seat.learners[0] === undefined) return;
          const { run, shard, term } = command;
          replies?.tell({ type: "learner_caught_up", run, node, shard, term, member: seat.learners[0].member });
          context.after(200, command);
          return;
        }
        const { run, replyTo } = command;
        replies = replyTo;
        switch (command.type) {
          case "host_shards":
            if (script.isMute === true) return;
            if (script.failsWith !== undefined) {
              replyTo.tell({ type: "hosting_failed", run, node, error: script.failsWith });
              return;
            }
            if (!hosted.has(run)) hosted.set(run, command);
            shards.of(run).update(node, command.members);
            for (const { seat } of command.shards) if (seat !== undefined) takeSeat(run, seat);
            replyTo.tell({
              ...{ type: "shards_hosted", run, node, term: command.term },
              seats: command.shards.map(({ shard }) => ({ shard, term: seats.get(shard)?.term ?? command.term })),
            });
            return;
          case "seat_shards":
            for (const seat of command.seats) takeSeat(run, seat);
            replyTo.tell({
              ...{ type: "shards_seated", run, node },
              seats: command.seats.map(({ shard, term }) => ({ shard, term: seats.get(shard)?.term ?? term })),
              missing: command.seats.map(({ shard }) => shard).filter((shard) => !seats.has(shard)),
            });
            return;
          case "update_run_members":
            shards.of(run).update(node, command.members);
            replyTo.tell({ type: "members_updated", run, node, revision: command.members.revision });
            return;
          case "release_run":
            hosted.delete(run);
            seats.clear();
            replyTo.tell({ type: "run_released", run, node });
            return;
          case "save_shards": {
            const { snapshot } = command;
            const error = new ShoalError("store_unavailable", `${node} is played and has no place for snapshots`);
            replyTo.tell({ type: "saving_failed", run, node, snapshot, passed: null, error: error.toJSON() });
            return;
          }
          case "describe_shards":
            replyTo.tell({ type: "shards_described", run, node, shards: [] });
        }
      };
    },
    { accepts: acceptorOf(serverCommandSchema) },
  );
  const membership = startMembership(system, {
    coordinator: system.ref(coordinatorAddress),
    introduce: (replyTo) => ({ type: "join_as_server", node, endpoint: `${node}:1`, control, replyTo }),
    onJoined: () => undefined,
  });
  return { name: node, hosted, seats, led, membership, leave: membership.leave };
}
