/** The typed way to write a job in TypeScript. */
import type { DatasetSpec, ModelSpec } from "@shoal/models";
import type { OptimizerSpec, ScheduleSpec } from "@shoal/optimization";
import type { JobInput } from "@shoal/protocol";

/** A job whose opaque parts are typed by the packages that understand them. */
export type TypedJob = Omit<JobInput, "model" | "data" | "optimizer" | "schedule"> & {
  readonly model: ModelSpec;
  readonly data: DatasetSpec;
  readonly optimizer: OptimizerSpec;
  readonly schedule?: ScheduleSpec;
};

/** Returns its argument: it exists so that an editor knows the fields. `export default defineJob({ … })`. */
export function defineJob(job: TypedJob): TypedJob {
  return job;
}
