/**
 * Plays every n-th seed of a range, and tells what it broke: one line of JSON for each broken seed, and one at the end.
 * Started by `run-seeds.ts`, several at a time.
 */
import { parseArgs } from "node:util";
import { mutationOf, plant } from "./mutations/plant.ts";
import type { ScenarioKind } from "./scenario/draw-scenario.ts";

const { values } = parseArgs({
  options: {
    scenario: { type: "string", default: "small" },
    from: { type: "string", default: "1" },
    to: { type: "string", default: "1" },
    stride: { type: "string", default: "1" },
    mutation: { type: "string" },
    /** End at the first broken seed. */
    first: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
  },
});

// Nobody is left to hear what is found.
process.once("disconnect", () => process.exit(1));
process.channel?.unref();
// Traces of thousands of expected errors would cost more than what they are errors of.
Error.stackTraceLimit = 0;
if (values.mutation !== undefined) plant(mutationOf(values.mutation));
const { createWorldSite, simulateSeed } = await import("./simulate-seed.ts");
const site = await createWorldSite();
const phases: Record<string, number> = {};
let [seeds, virtualMs, messages, cuts] = [0, 0, 0, 0];
for (let seed = Number(values.from); seed <= Number(values.to); seed += Number(values.stride)) {
  const run = await simulateSeed(values.scenario as ScenarioKind, seed, site, values.trace);
  seeds += 1;
  virtualMs += run.virtualMs;
  messages += run.messages;
  cuts += run.cuts;
  phases[run.phase] = (phases[run.phase] ?? 0) + 1;
  if (run.violations.length > 0 || values.trace) console.log(JSON.stringify({ type: "played", ...run }));
  if (run.violations.length > 0 && values.first) break;
}
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ type: "ended", seeds, virtualMs, messages, cuts, phases, cpuMs: (user + system) / 1000 }));
