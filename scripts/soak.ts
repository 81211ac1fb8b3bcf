/**
 * Plays random trainings of whole clusters in virtual time and prints those that break something.
 *
 *   npm run soak -- FIRST LAST [KIND …]       seeds FIRST to LAST; kinds: see `trainingKinds`, all by default
 *
 * A seed that breaks something belongs into the list in `test/simulation/random-training.test.ts`.
 */
import process from "node:process";
import { play } from "../test/simulation/training-play.ts";
import { drawScenario, trainingKinds } from "../test/simulation/training-scenario.ts";
import { createTrainingSite } from "../test/support/training-cluster.ts";

const [first = "1", last = first, ...kinds] = process.argv.slice(2);
const site = await createTrainingSite();
let broken = 0;
for (const kind of trainingKinds.filter((each) => kinds.length === 0 || kinds.includes(each))) {
  const startedAtMs = Date.now();
  let longestStallMs = 0;
  let stalled = "";
  let completed = 0;
  let seeds = 0;
  for (let seed = Number(first); seed <= Number(last); seed += 1) {
    const scenario = drawScenario(kind, seed);
    const played = await play(scenario, site);
    seeds += 1;
    if (played.status?.phase === "completed") {
      completed += 1;
      if (played.longestStallMs > longestStallMs) [longestStallMs, stalled] = [played.longestStallMs, scenario.name];
    }
    if (played.violations.length === 0) continue;
    broken += 1;
    console.log(`${scenario.name}, after ${Math.round(played.virtualMs)} ms: ${played.violations.join("\n  ")}`);
  }
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  const stall = `longest stall ${Math.round(longestStallMs)} ms (${stalled})`;
  console.log(`${kind}: ${first}..${last}, ${completed} of ${seeds} completed, ${stall}, ${seconds} s`);
}
process.exitCode = broken === 0 ? 0 : 1;
