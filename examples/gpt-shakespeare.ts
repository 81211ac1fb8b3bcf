/**
 * A small GPT that writes like Shakespeare, character by character: 4 layers, 4 heads, width 128, context 64.
 *
 *   npm run shoal -- train examples/gpt-shakespeare.ts --data FOLDER
 *
 * FOLDER has the text as `tinyshakespeare.txt`, plain or gzipped, or in its folder `text`; without it the job trains on
 * generated text and says so. The setting is nanoGPT's for this size: 2,000 steps of 12 × 64 characters, dropout 0; its
 * figure on the last tenth of the text is 1.88 nats a character.
 */
import { defineJob } from "shoal";

const context = 64;
/** Every 42 characters begins a window: 23,900 in the first nine tenths of the text, 1,992 steps. */
const stride = 42;
export const steps = 1992;

export default defineJob({
  name: "gpt-shakespeare",
  model: {
    inputs: { tokens: context, vocabulary: 65 },
    layers: [
      { type: "embedding", name: "token", width: 128 },
      { type: "positional_embedding", name: "position" },
      { type: "transformer_block", name: "block0", heads: 4 },
      { type: "transformer_block", name: "block1", heads: 4 },
      { type: "transformer_block", name: "block2", heads: 4 },
      { type: "transformer_block", name: "block3", heads: 4 },
      { type: "layer_norm", name: "norm" },
      { type: "dense", name: "head", outputs: 65 },
    ],
    loss: { type: "softmax_cross_entropy" },
  },
  data: {
    type: "text",
    file: "tinyshakespeare.txt",
    tokens: "characters",
    length: context,
    stride,
    substitute: true,
  },
  optimizer: { name: "adamw", learningRate: 0.002, betas: [0.9, 0.99], weightDecay: 0.1 },
  schedule: { name: "cosine", totalSteps: steps, minimum: 0.0001 },
  parameterGroups: [{ parameters: "*.bias", weightDecay: 0 }],
  gradientClip: { norm: 1 },
  consistency: { mode: "synchronous" },
  batchSize: 6,
  slots: 2,
  epochs: 1,
});
