/** A server that keeps to the protocol and hosts nothing. */
import type { ActorSystem } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import {
  acceptorOf,
  coordinatorAddress,
  serverCommandSchema,
  startMembership,
  type HostShards,
  type ServerCommand,
} from "@shoal/protocol";
import type { PlayedShards } from "./coordinator-shards.ts";

export interface PlayedServer {
  readonly name: string;
  /** Runs that it hosts, as it was told to. */
  readonly hosted: ReadonlyMap<string, HostShards>;
  leave(): void;
}

export interface ServerScript {
  /** Answers host_shards with this error. */
  readonly failsWith?: SerializedError;
  /** Hears host_shards and says nothing. */
  readonly isMute?: boolean;
}

export function playServer(system: ActorSystem, shards: PlayedShards, script: ServerScript = {}): PlayedServer {
  const { node } = system;
  const hosted = new Map<string, HostShards>();
  const control = system.spawn<ServerCommand>(
    "control",
    () => (command) => {
      const { run, replyTo } = command;
      switch (command.type) {
        case "host_shards":
          if (script.isMute === true) return;
          if (script.failsWith !== undefined) {
            replyTo.tell({ type: "hosting_failed", run, node, error: script.failsWith });
            return;
          }
          if (!hosted.has(run)) hosted.set(run, command);
          shards.of(run).update(node, command.members);
          replyTo.tell({ type: "shards_hosted", run, node, term: command.term });
          return;
        case "update_run_members":
          shards.of(run).update(node, command.members);
          replyTo.tell({ type: "members_updated", run, node, revision: command.members.revision });
          return;
        case "release_run":
          hosted.delete(run);
          replyTo.tell({ type: "run_released", run, node });
          return;
        case "describe_shards":
          replyTo.tell({ type: "shards_described", run, node, shards: [] });
      }
    },
    { accepts: acceptorOf(serverCommandSchema) },
  );
  const membership = startMembership(system, {
    coordinator: system.ref(coordinatorAddress),
    introduce: (replyTo) => ({ type: "join_as_server", node, endpoint: `${node}:1`, control, replyTo }),
    onJoined: () => undefined,
  });
  return { name: node, hosted, leave: membership.leave };
}
