/**
 * What a round takes on a device at its peak, in bytes: known before a device is let in.
 *
 *   trainer   kernels, the compiled plan for one batch, and vectors of the whole model: values received and trained, gradient,
 *             velocity; with SCAFFOLD what corrects the gradient
 *   codec     kernels, a vector and its bytes as they came, a vector and its bytes as they go, and what is left unsent
 *   session   vectors outside the kernels' memories
 *
 * Not in it: the data and four bytes a sample for their order, the program, what a storage keeps in memory, and what the engine
 * has not collected yet. `test/contract/edge/training-bytes.test.ts` holds real clients to it.
 */
import type { EncodingSpec, LocalTraining, TaskDescription } from "../plane/task-description.ts";
import { kernelBytes, trainerBytes, type CompiledModel } from "./trainer-bytes.ts";

type Sent = Pick<TaskDescription, "size" | "up">;

const floatBytes = Float32Array.BYTES_PER_ELEMENT;
/** What travels at the moment: chunks, and the messages that they are in. */
const messageBytes = 2 ** 20;
/** Of a codec that goes through a vector in parts. */
const partBytes = 2 * 65_536;

/** Of the codec's kernel memory. */
export function codecBytes({ size, up }: Sent): number {
  return kernelBytes + partBytes + Math.ceil((4 + Math.max(...up.map(vectorsEncoded))) * size * floatBytes);
}

/** @param task - `size`: elements of what travels */
export function trainingBytes(
  task: Sent & { readonly local: Pick<LocalTraining, "correction" | "personal"> },
  model: CompiledModel,
): number {
  const { local, size, up } = task;
  const travelling = (vectorsHeld + (local.correction === "scaffold" ? ofControls : 0)) * size;
  const unsent = up.some(isLossy) ? ofUnsent * size : 0;
  const personal = local.personal.length > 0 ? ofPersonal * model.size : 0;
  // Two of the vectors held are the update's bytes, which may be longer than it.
  const content = 2 * Math.max(0, ...up.map((spec) => pairsOf(spec) - 1)) * size;
  const session = floatBytes * Math.ceil(travelling + unsent + personal + content) + messageBytes;
  return trainerBytes(model, local) + codecBytes(task) + session;
}

/** Of `top_k`, where it is not said. */
const usualShare = 0.01;
/** Values, update, its bytes as they are and as they were kept. */
const vectorsHeld = 4;
/** Error feedback: what was left unsent, what is left now, and both as they are read and kept. */
const ofUnsent = 5;
/** Layers that stay: their values before and after, and both as they are read and kept. */
const ofPersonal = 5;
/** The client's control, the server's, the change, what is left unsent of it, and the history as it is read and kept. */
const ofControls = 26;

function isLossy({ name }: EncodingSpec): boolean {
  return name !== "float32";
}

/** Vectors that what comes of encoding one is as long as, with its scratch, at most. */
function vectorsEncoded(spec: EncodingSpec): number {
  return spec["name"] === "top_k" ? Math.max(1, pairsOf(spec)) + Math.min(2, 4 * pairsOf(spec)) : 1;
}

/** Vectors that the indices and values of `top_k` are as long as, of the share that it sends. */
function pairsOf({ name, share = usualShare }: EncodingSpec): number {
  return name === "top_k" ? 2 * Number(share) : 0;
}
