/** `node deterministic-process.ts`: trains in this process and prints the outcomes as JSON. */
import { trainDeterministically, trainingNames } from "./deterministic-training.ts";

const outcomes = await Promise.all(
  trainingNames.map(async (name) => [name, await trainDeterministically(name)] as const),
);
process.stdout.write(JSON.stringify(Object.fromEntries(outcomes)));
