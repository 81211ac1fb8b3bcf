/**
 * The GPT of `gpt-shakespeare.ts`, trained twice as long: 3,984 steps, 1.67 nats a character.
 *
 *   npm run shoal -- train examples/gpt-shakespeare-long.ts --data FOLDER
 */
import { defineJob } from "shoal";
import short, { steps } from "./gpt-shakespeare.ts";

const epochs = 2;

export default defineJob({
  ...short,
  name: "gpt-shakespeare-long",
  schedule: { name: "cosine", totalSteps: epochs * steps, minimum: 0.0001 },
  epochs,
});
