/**
 * Plays clusters in virtual time, one a seed, and checks what they did.
 *
 *   npm run simulate -- --seeds 10000 [--from 1] [--scenario KIND] [--mutation NAME] [--processes 2]
 *   npm run simulate -- --seed 4711        one seed, with its events
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runSeeds } from "../test/simulation/run-seeds.ts";
import { mutations } from "../test/simulation/mutations/registry.ts";
import { scenarioKinds } from "../test/simulation/scenario/draw-scenario.ts";
import { oneOf, readOptions, wholeNumber } from "./options.ts";
import type { SimulatedRun } from "../test/simulation/simulate-seed.ts";

/** Events that are shown of a broken seed. */
const shownEvents = 60;
/** Broken seeds that are shown whole. */
const shownSeeds = 5;

const usage = `npm run simulate -- [--seeds N | --seed N] [--from N] [--scenario KIND] [--mutation NAME] [--processes N]
  KIND  ${scenarioKinds.join(", ")}
  NAME  a planted fault: ${mutations.map(({ name }) => name).join(", ")}`;

const { values, scenario, single, from, count, processes } = readOptions(usage, () => {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      scenario: { type: "string", default: "small" },
      mutation: { type: "string" },
      processes: { type: "string", default: String(Math.min(availableParallelism(), 8)) },
    },
  });
  const single = values.seed === undefined ? undefined : wholeNumber("seed", values.seed);
  if (values.mutation !== undefined) {
    oneOf(
      "mutation",
      values.mutation,
      mutations.map(({ name }) => name),
    );
  }
  return {
    values,
    single,
    scenario: oneOf("scenario", values.scenario, scenarioKinds),
    from: single ?? wholeNumber("from", values.from),
    count: single === undefined ? wholeNumber("seeds", values.seeds) : 1,
    processes: single === undefined ? wholeNumber("processes", values.processes) : 1,
  };
});
let shown = 0;
const startedAtMs = performance.now();
const { mutation } = values;
const trace = single !== undefined;
const played = await runSeeds({ scenario, from, count, processes, mutation, trace, onPlayed: (run) => show(run) });
const seconds = (performance.now() - startedAtMs) / 1000;
const ends = Object.entries(played.phases).map(([phase, runs]) => `${runs} ${phase}`);
const each = `${Math.round(played.virtualMs / played.seeds)} ms of virtual time and ${Math.round(played.messages / played.seeds)} messages each`;
const speed = `${seconds.toFixed(1)} s, ${Math.round(played.seeds / seconds)} seeds/s, ${(played.cpuMs / played.seeds).toFixed(1)} ms of CPU each`;
console.log(`${scenario} ${from} to ${from + count - 1}: ${ends.join(", ")}; ${each}; ${speed}`);
if (played.cuts > 0) console.log(`${played.cuts} times they went on with other key ranges`);
console.log(played.broken.length === 0 ? "all hold" : `${played.broken.length} of ${played.seeds} seeds are broken`);
process.exitCode = played.broken.length === 0 ? 0 : 1;

function show({ kind, seed, scenario: drawn, violations, virtualMs, trace: events }: SimulatedRun): void {
  shown += 1;
  if (shown > shownSeeds) return;
  const { job, mishaps, servers, workers, coordinators, bus, data, store } = drawn;
  console.log(`${kind} ${seed}, after ${Math.round(virtualMs)} ms:`);
  for (const violation of violations) console.log(`  broken: ${violation}`);
  console.log(
    `  ${servers} servers, ${workers} workers, ${coordinators} coordinators; ${JSON.stringify(job.consistency)}`,
  );
  console.log(`  bus ${JSON.stringify(bus)}, data ${JSON.stringify(data)}, store ${JSON.stringify(store)}`);
  for (const { when, mishap } of mishaps) console.log(`  ${JSON.stringify(when)} ${JSON.stringify(mishap)}`);
  for (const event of trace ? events : events.slice(-shownEvents)) console.log(`  ${event}`);
  if (!trace) console.log(`  again, with all events: npm run simulate -- --scenario ${kind} --seed ${seed}`);
}
