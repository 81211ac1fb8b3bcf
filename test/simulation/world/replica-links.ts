/** What the servers of a simulated cluster reach each other by. */
import { ShoalError } from "@shoal/errors";
import type { ReplicaLink, ReplicaLinkFactory, SeatHolder } from "@shoal/protocol";
import { createInProcessReplicaLinks } from "@shoal/ps-server";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { VectorCopy } from "./vector-pool.ts";
import { Wire } from "./wire.ts";
import type { World } from "./world.ts";

/**
 * A primary waits for seconds for an answer that has been lost without a word: it happens, and not so often that runs would
 * consist of that.
 */
const troubles = 0.15;

export function replicaLinks(world: World, from: SimulatedProcess): ReplicaLinkFactory {
  return { connect: (to, run, me) => connect(world, from, { to, run, me }) };
}

interface Ends {
  readonly to: SeatHolder;
  readonly run: string;
  readonly me: SeatHolder;
}

function connect(world: World, from: SimulatedProcess, { to, run, me }: Ends): ReplicaLink {
  const { witness } = world;
  const wire = new Wire(world, from, to.endpoint, troubles);
  const ends = new Map<SimulatedProcess, ReplicaLink>();
  const endOf = (process: SimulatedProcess): ReplicaLink => {
    const known = ends.get(process);
    if (known !== undefined) return known;
    const directoryOf = (): ReturnType<World["directoryOf"]> => world.directoryOf(process);
    const end = createInProcessReplicaLinks({ directoryOf, clock: process.clock }).connect(to, run, me);
    ends.set(process, end);
    return end;
  };
  const lend = async <R>(copy: VectorCopy, use: (view: Float32Array) => Promise<R>): Promise<R> => {
    try {
      return await use(copy.view);
    } finally {
      copy.release();
    }
  };
  return {
    replicate(entry, options) {
      witness.sentEntry(from, entry);
      const vector = entry.vector.slice();
      return wire.call({
        what: `entry ${entry.index} (${entry.kind}, term ${entry.term}, version ${entry.version}) of shard ${entry.shard}`,
        options,
        repeatable: true,
        deliver: (process, deadlineMs) =>
          lend(world.vectors.copy(vector), (view) =>
            endOf(process).replicate({ ...entry, vector: view }, { deadlineMs }),
          ),
      });
    },
    install(part, options) {
      const bytes = part.bytes.slice();
      return wire.call({
        what: `part ${part.offset} of ${part.totalBytes} (index ${part.index}, term ${part.term}) of shard ${part.shard}`,
        options,
        repeatable: true,
        deliver: (process, deadlineMs) =>
          world.neverFilled.has(process.node)
            ? Promise.reject(new ShoalError("mailbox_full", `${process.node} has no room for a part of a state`))
            : endOf(process).install({ ...part, bytes }, { deadlineMs }),
      });
    },
    async close() {
      wire.close();
      await Promise.all([...ends.values()].map((end) => end.close()));
    },
  };
}
