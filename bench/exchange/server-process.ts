/** Child process: the site behind the parameter service. Says where it listens; ends when its parent goes. */
import { systemClock } from "@shoal/actors";
import { createParameterRpcServer } from "@shoal/ps-server";
import { createSite } from "./site.ts";

const { memory, kernels, host } = await createSite();
const server = createParameterRpcServer({ shards: host, memory, kernels, clock: systemClock });
process.send?.(await server.listen({ host: "127.0.0.1", port: 0 }));
process.on("disconnect", () => process.exit());
