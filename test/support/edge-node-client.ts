/**
 * A process that takes part in a federated task through `shoal edge`: `ORIGIN TICKET SOURCE`, where SOURCE is a folder with
 * `images` and `labels` of MNIST's format, or `digits:SEED:COUNT`. Writes what happens as JSON, one event a line.
 */
import { readFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { join } from "@shoal/edge-client";
import { generateDigits, readMnistSplit, type Split } from "@shoal/models";

const [origin = "", ticket = "", source = ""] = process.argv.slice(2);
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

function dataOf(from: string): Split {
  const [kind, seed, count] = from.split(":");
  if (kind === "digits") return generateDigits({ samples: Number(count), testSamples: 1, seed: Number(seed) }).train;
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(joinPath(from, name)));
  return readMnistSplit(read("images"), read("labels"));
}

const session = await join({ origin, ticket }, dataOf(source), { onEvent: say });
process.once("SIGTERM", () => void session.close());
await session.ended;
const model = await session.model();
say({ type: "model", hash: model?.hash ?? "" });
