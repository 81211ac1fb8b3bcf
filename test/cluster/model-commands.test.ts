/** What a stranger does with a trained model: `inspect`, `export` and `predict`. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeModelFile } from "@shoal/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadOnnxRuntime, runOnnx } from "../support/onnx-runtime.ts";
import { createWorkplace, runCommand, type Workplace } from "../support/shoal-command.ts";

const fruit = [
  ["apple", 7, "red"],
  ["plum", 3, "blue"],
  ["pear", 6, "green"],
] as const;
const rows = Array.from({ length: 120 }, (_, index) => fruit[index % 3]!);
const table = `size,colour,kind\n${rows.map(([kind, size, colour]) => `${size},${colour},${kind}`).join("\n")}\n`;

const jobs = {
  fruit: {
    model: { inputs: 4, layers: [{ type: "dense", outputs: 3 }], loss: { type: "softmax_cross_entropy" } },
    data: { type: "csv", file: "fruit.csv", labelColumn: "kind", labelKind: "class", categories: ["colour"] },
    epochs: 20,
  },
  text: {
    model: {
      inputs: { tokens: 8, vocabulary: 11 },
      layers: [
        { type: "embedding", width: 16 },
        { type: "positional_embedding" },
        { type: "transformer_block", heads: 2 },
        { type: "dense", outputs: 11 },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "text", file: "text.txt", tokens: "characters", length: 8, stride: 3 },
    epochs: 4,
  },
} as const;

let workplace: Workplace;
const shoal = (...args: string[]) => runCommand(args, { workplace });
const runs: Record<string, string> = {};

beforeAll(async () => {
  workplace = createWorkplace();
  const inFolder = (file: string): string => join(workplace.folder, file);
  writeFileSync(inFolder("fruit.csv"), table);
  writeFileSync(inFolder("text.txt"), "the cat sat on the mat. ".repeat(200));
  for (const [name, job] of Object.entries(jobs)) {
    const whole = { name, ...job, optimizer: { name: "adam", learningRate: 0.03 }, batchSize: 16 };
    writeFileSync(inFolder(`${name}.json`), JSON.stringify(whole));
    const { code, text } = await shoal("train", `${name}.json`, "--no-trace", "--data", workplace.folder);
    expect(code, text).toBe(0);
    runs[name] = readdirSync(inFolder("runs")).find((run) => run.startsWith(name)) ?? "";
  }
});
afterAll(() => workplace[Symbol.dispose]());

function fileOf(name: string): Buffer {
  return readFileSync(join(workplace.folder, name));
}

describe("inspect", () => {
  it("shows layers and totals of a run's model, with what the run said of it", async () => {
    const { code, text } = await shoal("inspect", runs["fruit"] ?? "");
    expect(code).toBe(0);
    expect(text).toMatch(/^0 +dense +3 +15 +27 +768 B$/m);
    expect(text).toMatch(/^parameters +15 \(60 B\)$/m);
    expect(text).toMatch(/^test_accuracy +1$/m);
  });

  it("shows a job before it has run, as JSON too", async () => {
    const { text } = await shoal("inspect", "text.json", "--json", "--batch-size", "4");
    expect(JSON.parse(text)).toMatchObject({ type: "model", batchSize: 4, outputs: [{ name: "output" }] });
  });
});

describe("predict", () => {
  it("prepares rows as the training data was, and names the classes", async () => {
    writeFileSync(join(workplace.folder, "new.csv"), "colour,size\nblue,3\nred,7\n");
    const { text } = await shoal("predict", runs["fruit"] ?? "", "--data", "new.csv");
    const predictions = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(predictions.map((each) => each["class"])).toEqual(["plum", "apple"]);
    expect(Object.keys(predictions[0]?.["probabilities"] ?? {}).toSorted()).toEqual(["apple", "pear", "plum"]);
    expect((await shoal("predict", runs["fruit"] ?? "", "--data", "new.csv", "--output", "out.csv")).code).toBe(0);
    expect(String(fileOf("out.csv"))).toMatch(/^class,probabilities\.\w+.*\nplum,.*\napple,.*\n$/);
  });

  it("lets a language model write, the same text for a seed", async () => {
    const write = (...more: string[]) => shoal("predict", runs["text"] ?? "", "--prompt", "the c", ...more);
    const { code, text } = await write("--length", "30", "--temperature", "0");
    expect(code).toBe(0);
    expect(text).toMatch(/^the c[a-z. ]{30}\n$/);
    const [one, two] = await Promise.all([write("--seed", "3"), write("--seed", "3")]);
    expect(one.text).toBe(two.text);
    expect(await shoal("predict", runs["text"] ?? "", "--prompt", "X")).toMatchObject({
      text: expect.stringContaining('never met the character "X"') as string,
    });
  });

  it("says what is missing or of the wrong kind", async () => {
    const model = runs["fruit"] ?? "";
    const cases = [
      [[model], /--data with a file of rows, or --prompt/],
      [["nothing", "--data", "new.csv"], /data_not_found: there is no model nothing; looked for/],
      [[model, "--prompt", "a"], /is not a language model/],
      [[model, "--data", "none.csv"], /none\.csv/],
      [["fruit.csv", "--data", "new.csv"], /fruit\.csv: model file: /],
    ] as const;
    await Promise.all(
      cases.map(async ([args, sentence]) => {
        const { code, text } = await shoal("predict", ...args);
        expect(code).not.toBe(0);
        expect(text).toMatch(sentence);
      }),
    );
  });
});

describe("export", () => {
  it("writes ONNX that computes the model's logits", async () => {
    expect((await shoal("export", runs["fruit"] ?? "", "--output", "fruit.onnx")).code).toBe(0);
    const runtime = await loadOnnxRuntime();
    if (runtime === undefined) return;
    const input = new runtime.Tensor("float32", Float32Array.of(0, 0, 0, 0), [1, 4]);
    const { output } = await runOnnx(runtime, fileOf("fruit.onnx"), { input });
    const { parameters } = decodeModelFile(fileOf(`runs/${runs["fruit"]}/model.safetensors`));
    // Of zeros the logits are the bias, exactly.
    expect(output?.data).toEqual(parameters.subarray(12));
  });

  it("writes safetensors in half precision that the commands read again", async () => {
    const { text } = await shoal("export", runs["fruit"] ?? "", "--format", "safetensors", "--precision", "bfloat16");
    expect(text).toMatch(/model\.bfloat16\.safetensors \([\d,]+ bytes\)/);
    const { text: table } = await shoal("predict", "model.bfloat16.safetensors", "--data", "fruit.csv", "--as", "csv");
    expect(table.split("\n").length).toBe(rows.length + 2);
    const wrong = await shoal("export", runs["fruit"] ?? "", "--precision", "float16");
    expect(wrong.text).toContain("--precision is for --format safetensors");
  });
});
