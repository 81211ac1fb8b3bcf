/** A few servers with real shards, and workers' links to them: what the cases of other systems are run on. */
import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  systemClock,
  type ActorSystem,
  type Ref,
} from "@shoal/actors";
import {
  partitionKeys,
  type KeyRange,
  type LinkFactory,
  type ParameterLink,
  type RunMembers,
  type ShardAssignment,
  type ShardCommand,
  type ShardRestored,
  type ShardSnapshot,
  type ShardSummary,
  type Refusal,
} from "@shoal/protocol";
import { createShardHost, type Hosting, type ShardHost } from "@shoal/ps-server";
import { kernelFixture, type KernelFixture } from "../../support/model-kernels.ts";
import { plainShards } from "../../support/plain-shards.ts";

/** A server as its workers see it. */
export interface Exposed {
  /** Makes links to this server's endpoint. */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** One kind of link: how shards are exposed, and how workers connect. */
export interface LinkKind {
  expose(host: ShardHost, node: string, kit: KernelFixture): Promise<Exposed>;
  createFactory(hosts: ReadonlyMap<string, ShardHost>, kit: KernelFixture): LinkFactory;
}

export interface RunOptions extends Partial<
  Pick<Hosting, "consistency" | "aggregation" | "staleness" | "slots" | "members" | "encoding">
> {
  readonly run: string;
  /** Keys of the whole vector; each server gets its share as one shard. */
  readonly size: number;
  readonly optimizer: Hosting["optimizer"];
  /** Of every shard, where the run has an encoding. */
  readonly layout?: ShardAssignment["encoding"];
}

export interface CaseCluster {
  /** What both sides compute with. */
  readonly kit: KernelFixture;
  host(options: RunOptions): Promise<CaseRun>;
  close(): Promise<void>;
}

export interface CaseRun {
  readonly ranges: readonly KeyRange[];
  /** A worker with a link to every shard's server. */
  connect(worker: number, wrap?: (link: ParameterLink) => ParameterLink): readonly ParameterLink[];
  updateMembers(members: RunMembers): void;
  describe(): Promise<readonly ShardSummary[]>;
  /** Stops the first shard, and lets it go on from what becomes of its snapshot. */
  revise(change: (snapshot: ShardSnapshot) => ShardSnapshot): Promise<ShardRestored | Refusal>;
}

export type MakeCluster = (servers: number) => Promise<CaseCluster>;

/** Members by their numbers; slot r belongs to the r-th. */
export function membersOf(revision: number, numbers: readonly number[]): RunMembers {
  return {
    revision,
    workers: numbers.map((member) => ({ member, incarnation: 1, name: `worker-${member}` })),
    slotOwners: numbers,
  };
}

export const nobody: RunMembers = { revision: 1, workers: [], slotOwners: [] };

export function makeClusters(kind: LinkKind): MakeCluster {
  return async (servers) => {
    const kit = await kernelFixture();
    const hosts = new Map<string, ShardHost>();
    const systems: ActorSystem[] = [];
    const exposed: Exposed[] = [];
    const bus = createInProcessBus();
    for (let index = 1; index <= servers; index += 1) {
      const node = `server-${index}`;
      const system = createActorSystem({ node, bus, clock: systemClock, random: createRandom(index) });
      const host = createShardHost({ system, ...kit });
      const door = await kind.expose(host, node, kit);
      systems.push(system);
      hosts.set(door.endpoint, host);
      exposed.push(door);
    }
    const factory = kind.createFactory(hosts, kit);
    const links: ParameterLink[] = [];
    return {
      kit,
      host: (options) => hostRun(options, hosts, factory, links),
      async close() {
        await Promise.all(links.map((link) => link.close()));
        await Promise.all(exposed.map((door) => door.close()));
        await Promise.all(systems.map((system) => system.stop()));
      },
    };
  };
}

async function hostRun(
  options: RunOptions,
  hosts: ReadonlyMap<string, ShardHost>,
  factory: LinkFactory,
  links: ParameterLink[],
): Promise<CaseRun> {
  const { size, layout, ...given } = options;
  const ranges = partitionKeys(size, hosts.size);
  const placed = [...hosts].slice(0, ranges.length);
  for (const [shard, [, host]] of placed.entries()) {
    await host.host({
      term: 1,
      schedule: { name: "constant" },
      consistency: { mode: "asynchronous" },
      aggregation: "mean",
      staleness: {},
      slots: 1,
      members: nobody,
      ...given,
      ...plainShards({ shard, ...(ranges[shard] as KeyRange), ...(layout && { encoding: layout }) }),
    });
  }
  return {
    ranges,
    connect(worker, wrap = (link) => link) {
      const identity = { run: options.run, worker, incarnation: 1, name: `worker-${worker}` };
      const connected = placed.map(([endpoint]) => factory.connect(endpoint, identity));
      links.push(...connected);
      return connected.map(wrap);
    },
    updateMembers(members) {
      for (const [, host] of placed) host.updateMembers(options.run, members);
    },
    async describe() {
      const described = await Promise.all(placed.map(([, host]) => host.describe(options.run)));
      return described.flat();
    },
    async revise(change) {
      const shard = placed[0]?.[1].find(options.run, 0);
      const ask = <R>(make: (replyTo: Ref<R>) => ShardCommand): Promise<R> =>
        new Promise((resolve) => shard?.tell(make({ address: "case/ask", tell: resolve })));
      const snapshot = await ask<ShardSnapshot>((replyTo) => ({ type: "snapshot", replyTo }));
      return ask<ShardRestored | Refusal>((replyTo) => ({ type: "restore", snapshot: change(snapshot), replyTo }));
    },
  };
}
