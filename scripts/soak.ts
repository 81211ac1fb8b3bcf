/**
 * Plays random trainings of whole clusters in virtual time and prints those that break something.
 *
 *   npm run soak -- FIRST LAST [KIND …]       seeds FIRST to LAST; kinds: see `trainingKinds`, all by default
 *
 * A seed that breaks something belongs into the list in `test/simulation/random-training.test.ts`.
 */
import process from "node:process";
import { isHalfApplied, play } from "../test/simulation/training-play.ts";
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
  /** Seeds whose workers all died in the middle of a step: the one end of a run that is no fault of ours. */
  const halfApplied: number[] = [];
  let seeds = 0;
  for (let seed = Number(first); seed <= Number(last); seed += 1) {
    const scenario = drawScenario(kind, seed);
    const played = await play(scenario, site);
    seeds += 1;
    if (played.status?.phase === "completed") {
      completed += 1;
      if (played.longestStallMs > longestStallMs) [longestStallMs, stalled] = [played.longestStallMs, scenario.name];
    }
    if (played.status !== undefined && isHalfApplied(played.status)) halfApplied.push(seed);
    if (played.violations.length === 0) continue;
    broken += 1;
    console.log(`${scenario.name}, after ${Math.round(played.virtualMs)} ms: ${played.violations.join("\n  ")}`);
  }
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  const stall = `longest stall ${Math.round(longestStallMs)} ms (${stalled})`;
  const died = halfApplied.length === 0 ? "" : ` (all workers of a step died in ${halfApplied.join(", ")})`;
  console.log(`${kind}: ${first}..${last}, ${completed} of ${seeds} completed${died}, ${stall}, ${seconds} s`);
}
process.exitCode = broken === 0 ? 0 : 1;
