/**
 * A process with several clients of a federated task, straight at NATS: `URL TOKEN TASK FOLDER NAME…`. Each keeps its work in a
 * folder of its own below FOLDER, so that the next process with the same names goes on with it. Writes what happens as JSON,
 * one event a line.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connectNats } from "@shoal/actors";
import { createInlineTrainer, createNatsClientPlane, createUpdateCodec, openSession } from "@shoal/edge-client";
import { createFolderStorage } from "@shoal/edge-client/node";
import { inboxPrefix } from "@shoal/federated";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits } from "@shoal/models";

const [servers = "", token = "", task = "", folder = "", ...names] = process.argv.slice(2);
const samples = 100;
/** After each step: a round lasts long enough to be disturbed in its middle, and costs nobody the processor. */
const pauseMs = 10;
const modules = await loadKernelModules();

async function live(client: string): Promise<string> {
  const connection = await connectNats({ servers, token, name: client, inboxPrefix: inboxPrefix(client) });
  const seed = client.charCodeAt(0);
  const session = openSession({
    ...{ task, client, codec: createUpdateCodec(modules), device: { memoryBytes: 2 ** 28, platform: "node" } },
    plane: createNatsClientPlane({ connection, address: { cluster: "shoal", task }, client }),
    trainer: createInlineTrainer({
      ...{ modules, pause: () => delay(pauseMs) },
      data: generateDigits({ samples, testSamples: 1, seed }).train,
    }),
    storage: createFolderStorage(join(folder, client)),
    onEvent: (event) => void process.stdout.write(`${JSON.stringify({ client, ...event })}\n`),
  });
  return session.ended;
}

await Promise.all(names.map(live));
process.exit(0);
