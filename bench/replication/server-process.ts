/** Child process: a server that hosts what it is ordered to. Says where it listens; ends when its parent goes. */
import { createActorSystem, createInProcessBus, createSystemRandom, systemClock } from "@shoal/actors";
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { createParameterRpcServer, createShardHost } from "@shoal/ps-server";
import { createGrpcReplicaLinkFactory } from "@shoal/worker";
import type { Order } from "./cluster.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);
const system = createActorSystem({
  node: `server-${process.argv[2] ?? ""}`,
  bus: createInProcessBus(),
  clock: systemClock,
  random: createSystemRandom(),
});
const host = createShardHost({
  ...{ system, memory, kernels },
  replicaLinks: createGrpcReplicaLinkFactory({ clock: systemClock }),
});
const server = createParameterRpcServer({ shards: host, memory, kernels, clock: systemClock });
const obey = async (order: Order): Promise<void> => {
  if (order.type === "host") await host.host(order.hosting);
  else await host.release(order.run);
};
process.on("message", (order: Order) => {
  obey(order).then(
    () => process.send?.("done"),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.(await server.listen({ host: "127.0.0.1", port: 0 }));
process.on("disconnect", () => process.exit());
