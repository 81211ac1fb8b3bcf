/** Who does what: membership, placement, runs, leases of batches, evaluations. */
export { startCoordinator, type CoordinatorHandle, type CoordinatorOptions } from "./coordinator.ts";
export { checkJob } from "./job/check-job.ts";
export { defaultSettings, type CoordinatorSettings } from "./settings.ts";
