/** How the person in front of the terminal calls this program. */
import type { Environment } from "./folders.ts";

/** In a clone npm's scripts run it, and `shoal` is on no PATH; installed, it is called by its name. */
export function commandName(environment: Environment): string {
  const script = environment["npm_lifecycle_event"];
  return script === "shoal" || script === "start" ? "npm run shoal --" : "shoal";
}
