/**
 * A process that takes part in a federated task through `shoal edge`: `ORIGIN TICKET SOURCE`, where SOURCE is a folder with
 * `images` and `labels` of MNIST's format, or `digits:SEED:COUNT`. Writes what happens as JSON, one event a line.
 */
import { readFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createSystemRandom, nextTurn, systemClock } from "@shoal/actors";
import {
  connectEdge,
  createClientKey,
  createInlineTrainer,
  createUpdateCodec,
  join,
  type EdgeConnection,
} from "@shoal/edge-client";
import { isShoalError } from "@shoal/errors";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits, readMnistSplit, type Split } from "@shoal/models";

const [origin = "", ticket = "", source = ""] = process.argv.slice(2);
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

function dataOf(from: string): Split {
  const [kind, seed, count] = from.split(":");
  if (kind === "digits") return generateDigits({ samples: Number(count), testSamples: 1, seed: Number(seed) }).train;
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(joinPath(from, name)));
  return readMnistSplit(read("images"), read("labels"));
}

/** A machine that is busy may be too late for the first connection. */
async function connectPatiently(): Promise<EdgeConnection> {
  const whom = { origin, ticket, seed: createClientKey(), clock: systemClock, random: createSystemRandom() };
  for (let triesLeft = 5; ; triesLeft -= 1) {
    try {
      return await connectEdge(whom);
    } catch (error) {
      if (triesLeft === 0 || !isShoalError(error, "transport_lost")) throw error;
      await pause(1_000);
    }
  }
}

const modules = await loadKernelModules();
const trainer = createInlineTrainer({ modules, data: dataOf(source), pause: nextTurn });
const { plane, enrolment } = await connectPatiently();
say({ type: "enrolled", client: enrolment.client, task: enrolment.task });
const session = join({
  ...{ task: enrolment.task, client: enrolment.client, plane, trainer, codec: createUpdateCodec(modules) },
  ...{ device: { memoryBytes: 2 ** 28, platform: "node" }, onEvent: say },
});
process.once("SIGTERM", () => void session.close());
await session.ended;
say({ type: "model", hash: session.model()?.hash ?? "" });
process.exit(0);
