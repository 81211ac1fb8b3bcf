/** Whether this device can hold what a task makes of its data: loaded when a task takes all samples of a client as one batch. */
import { ShoalError } from "@shoal/errors";
import { batchOf, trainingBytes, type TaskDescription } from "@shoal/federated";
import { layoutOf, parseModelSpec, planBytes } from "@shoal/models";

/**
 * How many samples there are is known here alone, so the aggregator has asked for what one of them takes.
 * @throws ShoalError out_of_memory - says what it takes; invalid_argument - the model is none that this client knows
 */
export function checkDevice(task: TaskDescription, samples: number, memoryBytes: number): void {
  const spec = parseModelSpec(task.model, "model");
  const model = { size: layoutOf(spec).size, planBytes: planBytes(spec, batchOf(task.local, samples)) };
  const needed = trainingBytes(task, model);
  if (needed <= memoryBytes) return;
  const sentence = `training on all samples at once takes ${needed} bytes, the device has ${memoryBytes}`;
  throw new ShoalError("out_of_memory", sentence, { requestedBytes: needed, maximumBytes: memoryBytes });
}
