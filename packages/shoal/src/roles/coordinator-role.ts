/**
 * `shoal coordinator`: the coordinator as a process, its state in NATS KV. A second one of the same cluster waits until the
 * first one is gone.
 */
import { createNatsKvStore } from "@shoal/actors";
import { startCoordinator } from "@shoal/coordinator";
import { splitSetting } from "../environment/split-setting.ts";
import { openSnapshotStore } from "../snapshots/open-store.ts";
import { runRole, type RoleOptions } from "./run-role.ts";

/**
 * Servers are processes: the loss of one is likely enough to keep a copy of each shard, and load can move between them.
 */
const processSettings = { replicas: 1, balanceMs: 2000 };

export async function runCoordinator(options: RoleOptions): Promise<void> {
  await runRole(options, async ({ system, nats }) => {
    const store = await createNatsKvStore({ connection: nats, bucket: `shoal-${options.cluster}` });
    const { cluster, log } = options;
    const snapshots = openSnapshotStore({ ...options, nats });
    const settings = { ...processSettings, ...splitSetting(options.environment) };
    const coordinator = startCoordinator({ system, store, cluster, settings, snapshots, onNote: log });
    return {
      detail: {},
      joined: Promise.resolve(),
      ended: coordinator.stopped.then(() => "another coordinator has taken over"),
      close: () => coordinator.close(),
    };
  });
}
