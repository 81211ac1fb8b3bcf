/** Commands about model files: `inspect`, `export`, `predict`. */
import { createWriteStream } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Option, type Command } from "commander";
import { isShoalError, ShoalError } from "@shoal/errors";
import {
  describeModel,
  encodeModelFile,
  encodeOnnx,
  parseModelSpec,
  type FilePrecision,
  type Preprocessing,
} from "@shoal/models";
import { cacheFolder, notWritable, runsFolder } from "../../environment/folders.ts";
import { loadJob } from "../../job/load-job.ts";
import { readModel } from "../../model/find-model.ts";
import { generateText } from "../../model/generate-text.ts";
import { modelTable } from "../../model/model-table.ts";
import { predictionLines, type PredictionFormat } from "../../model/prediction-text.ts";
import { predictRows } from "../../model/predict-rows.ts";
import { writeFileWhole } from "../../model/write-whole.ts";
import type { CommandContext } from "../command-line.ts";
import { count, temperature, wholeNumber } from "../options.ts";

const modelHelp = "a model file, the folder it is in, or the name of the run that wrote it";
const runsHelp = "where runs keep their models (SHOAL_RUNS; default .shoal/runs)";

interface ModelOptions {
  readonly runs?: string;
  readonly json?: boolean;
}

export function addModelCommands(program: Command, context: CommandContext): void {
  addInspect(program, context);
  addExport(program, context);
  addPredict(program, context);
}

function addInspect(program: Command, context: CommandContext): void {
  program
    .command("inspect")
    .description("show layers, shapes, parameters, memory and FLOPs of a model or a job")
    .argument("<model|job>", `${modelHelp}; or a job: .ts, .js, .json or .yaml`)
    .option("--batch-size <N>", "samples of the batch whose memory is shown; default: the job's, 64 of a model", count)
    .option("--runs <FOLDER>", runsHelp)
    .option("--json", "one JSON value, for machines")
    .action(async (name: string, options: ModelOptions & { readonly batchSize?: number }) => {
      const output = context.output(options.json);
      const { spec, batchSize, metadata } = await inspected(name, options, context);
      const model = describeModel(spec, options.batchSize ?? batchSize);
      output.value({ type: "model", ...model, metadata });
      for (const line of modelTable(model)) output.line(line);
      for (const [key, value] of Object.entries(metadata)) {
        if (!key.startsWith("shoal.")) output.line(`${key.padEnd(14)} ${value}`);
      }
    });
}

const jobEndings: readonly string[] = [".ts", ".mts", ".js", ".mjs", ".json", ".yaml", ".yml"];
const usualBatch = 64;

async function inspected(name: string, options: ModelOptions, context: CommandContext) {
  if (jobEndings.includes(extname(name))) {
    const job = await loadJob(name);
    return { spec: parseModelSpec(job.model), batchSize: job.batchSize, metadata: {} };
  }
  const { spec, metadata } = await readModel(name, runsFolder(context.environment, options.runs));
  return { spec, batchSize: usualBatch, metadata };
}

interface ExportOptions extends ModelOptions {
  readonly format: "onnx" | "safetensors";
  readonly precision: FilePrecision;
  readonly output?: string;
}

function addExport(program: Command, context: CommandContext): void {
  program
    .command("export")
    .description("write a model for other tools")
    .argument("<model>", modelHelp)
    .addOption(new Option("--format <FORMAT>", "what to write").choices(["onnx", "safetensors"]).default("onnx"))
    .addOption(
      new Option("--precision <TYPE>", "type of the numbers in a safetensors file")
        .choices(["float32", "float16", "bfloat16"])
        .default("float32"),
    )
    .option("--output <FILE>", "file to write; default: the model's name with another ending, in this folder")
    .option("--runs <FOLDER>", runsHelp)
    .option("--json", "one JSON value, for machines")
    .action(async (name: string, options: ExportOptions) => {
      const { format, precision } = options;
      if (format === "onnx" && precision !== "float32") {
        const sentence = "--precision is for --format safetensors: ONNX files hold float32";
        throw new ShoalError("invalid_argument", sentence, { precision });
      }
      const { path, spec, parameters, metadata } = await readModel(name, runsFolder(context.environment, options.runs));
      const ending = format === "onnx" ? "onnx" : `${precision}.safetensors`;
      const file = resolve(options.output ?? `${basename(path, extname(path))}.${ending}`);
      const bytes =
        format === "onnx"
          ? encodeOnnx(spec, parameters, metadata)
          : encodeModelFile(spec, parameters, metadata, precision);
      await writeFileWhole(file, bytes);
      const output = context.output(options.json);
      output.value({ type: "exported", model: path, file, bytes: bytes.length });
      output.line(`wrote ${file} (${bytes.length.toLocaleString("en-US")} bytes)`);
    });
}

interface PredictOptions extends ModelOptions {
  readonly data?: string;
  readonly format?: Preprocessing["format"];
  readonly as?: PredictionFormat;
  readonly output?: string;
  readonly prompt?: string;
  readonly length: number;
  readonly temperature: number;
  readonly seed: number;
}

function addPredict(program: Command, context: CommandContext): void {
  program
    .command("predict")
    .description("apply a model to the rows of a file, or let a language model write")
    .argument("<model>", modelHelp)
    .option("--data <FILE>", "rows as the model was trained on; they are prepared as its own were")
    .addOption(
      new Option(
        "--format <FORMAT>",
        "how the rows are read; default: as the name tells, else as the model's own",
      ).choices(["csv", "jsonl", "parquet", "libsvm", "idx"]),
    )
    .addOption(
      new Option(
        "--as <FORMAT>",
        "how predictions are written; default: as the output's name tells, else jsonl",
      ).choices(["jsonl", "csv"]),
    )
    .option("--output <FILE>", "file to write; default: standard output")
    .option("--prompt <TEXT>", "for a language model: what it continues")
    .option("--length <N>", "tokens to write", count, 200)
    .option("--temperature <T>", "0: always the likeliest token; 1: as the model draws them", temperature, 0.8)
    .option("--seed <N>", "which tokens are drawn", wholeNumber, 1)
    .option("--runs <FOLDER>", runsHelp)
    .action((name: string, options: PredictOptions) => predict(name, options, context));
}

async function predict(name: string, options: PredictOptions, { environment }: CommandContext): Promise<void> {
  const { data, prompt } = options;
  if ((data === undefined) === (prompt === undefined)) {
    const sentence = "give --data with a file of rows, or --prompt with a text to continue: one of the two";
    throw new ShoalError("invalid_argument", sentence, {});
  }
  const model = await readModel(name, runsFolder(environment, options.runs));
  if (prompt !== undefined) {
    await write([`${await generateText(model, { ...options, prompt })}\n`], options.output);
    return;
  }
  const as = options.as ?? (options.output?.endsWith(".csv") === true ? "csv" : "jsonl");
  const rows = predictRows(model, data ?? "", { cacheFolder: cacheFolder(environment), format: options.format });
  await write(predictionLines(rows, as), options.output);
}

/** @throws ShoalError file_not_writable; what the lines themselves fail with */
async function write(lines: AsyncIterable<string> | Iterable<string>, file: string | undefined): Promise<void> {
  const source = Readable.from(lines);
  if (file === undefined) {
    try {
      await pipeline(source, process.stdout, { end: false });
    } catch (error) {
      // Who reads has seen enough, as in `… | head`.
      if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
    }
    return;
  }
  try {
    await pipeline(source, createWriteStream(file));
  } catch (cause) {
    throw isShoalError(cause) ? cause : notWritable(resolve(file), cause);
  }
}
