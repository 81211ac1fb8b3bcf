/** Many federated clients in one process, each with a NATS connection of its own. They train nothing. */
import { systemClock, connectNats } from "@shoal/actors";
import { createNatsClientPlane } from "@shoal/edge-client";
import { inboxPrefix } from "@shoal/federated";
import { createPlayedClient } from "../../test/support/played-client.ts";

const [servers = "", task = "", count = "0", size = "0"] = process.argv.slice(2);
const address = { cluster: "bench", task };
/** Connections that are made at a time. */
const atATime = 50;

async function join(index: number): Promise<void> {
  const client = `client-${index}`;
  const connection = await connectNats({ servers, name: client, inboxPrefix: inboxPrefix(client) });
  const plane = createNatsClientPlane({ connection, address, client });
  const target = new Float32Array(Number(size)).fill(index);
  const own = { name: client, task, plane, clock: systemClock, target };
  await createPlayedClient({ ...own, trainMs: 0, atOnce: true }).start();
}

for (let begin = 0; begin < Number(count); begin += atATime) {
  const group = Array.from({ length: Math.min(atATime, Number(count) - begin) }, (_, index) => join(begin + index));
  await Promise.all(group);
}
process.send?.("ready");
process.on("disconnect", () => process.exit(0));
