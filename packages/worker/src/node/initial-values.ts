/** Gives the shards their first values, once, when this worker is the one to do so. */
import type { InitialTensor } from "@shoal/models";
import type { WorkerAssignment } from "@shoal/protocol";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { ComputePort } from "../compute/compute-port.ts";
import type { TrainingBuffers } from "../loop/training-buffers.ts";

export interface InitialValuesOptions {
  readonly compute: Pick<ComputePort, "initialize">;
  readonly client: Pick<ParameterClient, "initialize">;
  /** Values from a file, which take the place of those drawn. */
  readonly initial: readonly InitialTensor[];
  readonly buffers: Pick<TrainingBuffers, "takeGradient" | "returnGradient">;
}

/**
 * Every worker would give the same values, and a shard takes the first it is given: it does no harm when a worker that
 * died had done it already. The values lie in a spare buffer, because training may go on meanwhile.
 * @throws ShoalError what the shards refused them with
 */
export async function giveInitialValues({ compute, client, initial, buffers }: InitialValuesOptions): Promise<void> {
  const spare = buffers.takeGradient();
  try {
    await compute.initialize(spare.offset);
    for (const { offset, values } of initial) spare.values.set(values, offset);
    await client.initialize(spare.values);
  } finally {
    buffers.returnGradient(spare);
  }
}

/** Calls `give` the first time that an assignment asks for it. */
export function createInitialValuesDuty(give: () => void): (assignment: WorkerAssignment) => void {
  let isDone = false;
  return ({ initialize }) => {
    if (!initialize || isDone) return;
    isDone = true;
    give();
  };
}
