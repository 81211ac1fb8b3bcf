/** Entry of a thread that helps with matrix products (product-threads.ts). */
import { parentPort, workerData } from "node:worker_threads";
import { instantiateCore, type KernelAttachment } from "../instantiate-kernels.ts";
import type { Offset } from "../kernels.ts";
import { controlView, helpUntilClosed } from "../parallel/product-job.ts";

export interface ProductThreadData {
  readonly attachment: KernelAttachment;
  /** The control block of the jobs. */
  readonly control: Offset;
}

const { attachment, control } = workerData as ProductThreadData;
const { core } = instantiateCore(attachment.modules, attachment, { build: attachment.build });
parentPort?.postMessage("ready");
helpUntilClosed(controlView(attachment.memory, control), core);
