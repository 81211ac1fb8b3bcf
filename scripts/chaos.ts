/**
 * Kills nodes of a cluster of processes at random while it trains MNIST, and compares the result with that of a run that
 * nobody disturbed: all bits are to be the same. Prints how long training stood still.
 *
 *   npm run chaos -- --kills 100 [--seed 1] [--role server|worker|coordinator] [--servers 3] [--data FOLDER] [--explain]
 *
 * `--explain` prints what the coordinators wrote after the tenth of the kills that training stood still for longest.
 * Without MNIST at hand it is downloaded, as `shoal train` does; `--digits` trains on generated digits instead.
 */
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { oneOf, readOptions, wholeNumber } from "./options.ts";
import { trainUnderKills } from "../test/support/train-under-kills.ts";

const usage = `npm run chaos -- [--kills N] [--seed N] [--role server|worker|coordinator] [--servers N] [--data FOLDER]
  [--digits] [--explain]`;

const {
  options,
  role,
  kills: asked,
  seed,
  servers,
} = readOptions(usage, () => {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "100" },
      seed: { type: "string", default: "1" },
      role: { type: "string", default: "server" },
      servers: { type: "string", default: "3" },
      data: { type: "string" },
      digits: { type: "boolean", default: false },
      explain: { type: "boolean", default: false },
    },
  });
  return {
    options: values,
    role: oneOf("role", values.role, ["server", "worker", "coordinator"]),
    kills: wholeNumber("kills", values.kills),
    seed: wholeNumber("seed", values.seed),
    servers: wholeNumber("servers", values.servers),
  };
});

const round = (ms: number): string => `${Math.round(ms)} ms`;
const load = (): string => loadavg()[0]?.toFixed(1) ?? "unknown";
const loads = [load()];
const report = await trainUnderKills({
  kills: asked,
  seed,
  role,
  servers,
  data: options.digits ? { type: "digits", samples: 8_000, testSamples: 500 } : { type: "mnist" },
  dataFolder: options.data ?? process.env["SHOAL_DATA"],
  log: (sentence) => {
    loads.push(load());
    console.log(sentence);
  },
});
const { kills, stoodStill, pauses, isEqual } = report;
console.log(`${kills.length} kills of ${asked}, seed ${seed}, ${report.steps} steps`);
console.log(`result: ${isEqual ? "every bit as in the undisturbed run" : "NOT that of the undisturbed run"}`);
if (pauses !== null) {
  const { count, median, p99, maximum } = pauses.takenOver;
  const others = pauses.all;
  console.log(
    `kill to next version, ${count} kills of a primary: median ${round(median)}, p99 ${round(p99)}, maximum ${round(maximum)}`,
  );
  console.log(
    `with those of replicas, ${others.count} kills: median ${round(others.median)}, p99 ${round(others.p99)}, maximum ${round(others.maximum)}`,
  );
}
console.log(
  `longest time that a shard stood still: median ${round(stoodStill.median)}, p99 ${round(stoodStill.p99)}, maximum ${round(stoodStill.maximum)}`,
);
console.log(`${availableParallelism()} cores, load average ${loads.join(" ")} (idle but for this: about 2)`);
if (options.explain) {
  for (const { node, stoodStillMs, lines } of report.slowest) {
    console.log(`${node} killed: a shard stood still for ${round(stoodStillMs)}`);
    for (const line of lines) console.log(`  ${line}`);
  }
}
process.exitCode = isEqual && kills.length === Number(options.kills) ? 0 : 1;
