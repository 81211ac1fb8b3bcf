/** `shoal coordinator`: the coordinator as a process, its state in NATS KV. */
import { createNatsKvStore } from "@shoal/actors";
import { startCoordinator } from "@shoal/coordinator";
import { runRole, type RoleOptions } from "./run-role.ts";

export async function runCoordinator(options: RoleOptions): Promise<void> {
  await runRole(options, async ({ system, nats }) => {
    const store = await createNatsKvStore({ connection: nats, bucket: `shoal-${options.cluster}` });
    const coordinator = startCoordinator({ system, store, cluster: options.cluster, onNote: options.log });
    return {
      detail: {},
      joined: Promise.resolve(),
      ended: coordinator.stopped.then(() => "another coordinator has taken over"),
      close: () => coordinator.close(),
    };
  });
}
