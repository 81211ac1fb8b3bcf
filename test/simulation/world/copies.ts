/** All copies of the shards of a run, as they are in the memory of the living servers. */
import type { Ref } from "@shoal/actors";
import type { ShardDescription, ShardSnapshot } from "@shoal/protocol";
import type { Cluster } from "./cluster.ts";

export interface Copy {
  readonly shard: number;
  readonly server: string;
  readonly node: string;
  readonly description: ShardDescription;
  readonly values: Float32Array;
}

/** Asks past the network: a server that is cut off or stands still is looked at as well. */
export async function inspectCopies(cluster: Cluster, run: string, shards: number): Promise<readonly Copy[]> {
  const found: Promise<Copy>[] = [];
  for (const { process, server } of cluster.lives) {
    if (server === undefined || process.isDead) continue;
    for (let shard = 0; shard < shards; shard += 1) {
      const ref = server.host.find(run, shard);
      if (ref === undefined) continue;
      const described = answerOf<ShardDescription>((replyTo) => ref.tell({ type: "describe", replyTo }));
      const snapshot = answerOf<ShardSnapshot>((replyTo) => ref.tell({ type: "snapshot", replyTo }));
      found.push(
        Promise.all([described, snapshot]).then(([description, { values }]) => {
          return { shard, server: process.id, node: process.node, description, values };
        }),
      );
    }
  }
  return Promise.all(found);
}

function answerOf<R>(ask: (replyTo: Ref<R>) => void): Promise<R> {
  return new Promise((resolve) => ask({ address: "client/inspection", tell: resolve }));
}
