/** Rivals of one operator each: the peers' own kernels on the same numbers. */
import { encodeOperator, type OperatorModel } from "../peers/onnx-model.ts";
import type { OnnxTensor } from "../peers/onnx.ts";
import type { Tensor, TensorFlow } from "../peers/tensorflow.ts";
import type { Rival, Stage } from "./case.ts";

export interface HeldRivals {
  readonly rivals: readonly Rival[];
  readonly release: () => Promise<void>;
}

/** A peer's input: its numbers and shape. */
export interface Operand {
  readonly values: Float32Array | Int32Array;
  readonly shape: readonly number[];
}

export interface PeerWork {
  readonly inputs: readonly Operand[];
  /** Called over and over; its result is disposed of. */
  readonly tensorFlow: (library: TensorFlow, inputs: readonly Tensor[]) => Tensor;
  /** The same as an ONNX model, fed with the first input's numbers in its own shape; it holds the others as constants. */
  readonly onnx?: OperatorModel;
}

/** @returns no rivals where the peers are missing */
export async function peerRivals({ peers }: Stage, work: PeerWork): Promise<HeldRivals> {
  if (peers.kind === "missing") return { rivals: [], release: () => Promise.resolve() };
  const tensors = work.inputs.map(({ values, shape }) =>
    peers.tensorFlow.tensor(values, shape, values instanceof Int32Array ? "int32" : "float32"),
  );
  const compute = (): Tensor => work.tensorFlow(peers.tensorFlow, tensors);
  const rivals: Rival[] = [{ kind: "peer", name: "tfjs", work: () => peers.tensorFlow.tidy(compute).dispose() }];
  const [first] = work.inputs;
  if (work.onnx === undefined || !(first?.values instanceof Float32Array)) {
    return { rivals, release: () => Promise.resolve(tensors.forEach((tensor) => tensor.dispose())) };
  }
  const session = await peers.onnx.InferenceSession.create(encodeOperator(work.onnx), { executionProviders: ["wasm"] });
  const fed: Readonly<Record<string, OnnxTensor>> = {
    [work.onnx.input.name]: new peers.onnx.Tensor("float32", first.values, work.onnx.input.shape),
  };
  rivals.push({ kind: "peer", name: "onnxruntime", work: () => session.run(fed) });
  return {
    rivals,
    async release() {
      for (const tensor of tensors) tensor.dispose();
      await session.release();
    },
  };
}
