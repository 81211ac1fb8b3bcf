/** Loads plain text as windows of tokens, in passes that stream: over the characters, to count, and to keep. */
import { ShoalError } from "@shoal/errors";
import { onlyInput, onlyTarget, type Dataset, type Split } from "../data/dataset.ts";
import { generateText } from "../data/generate-text.ts";
import type { Preprocessing } from "../data/preprocessing.ts";
import type { TextDatasetSpec } from "../data/text-spec.ts";
import { storedWindowSplit, tokenArray, windowSplit, type Windows } from "../data/text-windows.ts";
import { createTokenizer, type TokensPreprocessing } from "../data/tokenizer.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { findDataFile, requireDataFile } from "./find-data-file.ts";
import { readTextPieces } from "./read-pieces.ts";
import { createRecordFile } from "./record-folder.ts";
import { defaultMemoryLimitBytes } from "./record-sink.ts";
import { charactersOf, tokenStream, type TextSource, type TokenStream } from "./token-stream.ts";

const defaultTestShare = 0.1;

/** Tokens for training, then those for testing. */
type Sizes = readonly [train: number, test: number];

/** @throws ShoalError data_not_found, data_corrupt, file_not_writable */
export async function loadText(spec: TextDatasetSpec, environment: DatasetEnvironment): Promise<Dataset> {
  const sources = await sourcesOf(spec, environment);
  const characters = spec.tokens === "characters" ? await charactersOf(sources) : undefined;
  const tokenizer = await createTokenizer({ scheme: spec.tokens, characters });
  const { vocabulary } = tokenizer;
  const streams = sources.map((source) => tokenStream(source, spec.tokens, tokenizer));
  const counts: number[] = [];
  for (const stream of streams) counts.push(await countTokens(stream));
  const sizes = sizesOf(spec, counts);
  checkLongEnough(spec, sizes, streams);
  const { length, stride = length } = spec;
  const [train, test] = await encodeAll(streams, sizes, { vocabulary, length, stride }, environment);
  const names = sources.map(({ name }) => name).join(" and ");
  const source = `${names} (${sizes[0] + sizes[1]} tokens of ${vocabulary}: ${spec.tokens})`;
  const input: TokensPreprocessing = { kind: "tokens", scheme: spec.tokens, length, vocabulary, characters };
  return { name: spec.file, source, train, test, preprocessing: textPreprocessing(input) };
}

function textPreprocessing(input: TokensPreprocessing): Preprocessing {
  return {
    version: 1,
    format: "text",
    inputs: { [onlyInput]: input },
    targets: { [onlyTarget]: { kind: "next_tokens" } },
  };
}

async function sourcesOf(spec: TextDatasetSpec, environment: DatasetEnvironment): Promise<TextSource[]> {
  const isMissing = spec.substitute === true && (await findDataFile(spec.file, "text", environment)) === undefined;
  if (isMissing) {
    const name = `generated text in place of ${spec.file}, which is not there`;
    environment.log?.(`using ${name}`);
    return [{ name, pieces: () => inPieces(generateText()) }];
  }
  const files = [spec.file, ...(spec.testFile === undefined ? [] : [spec.testFile])];
  return await Promise.all(
    files.map(async (file): Promise<TextSource> => {
      const name = await requireDataFile(file, "text", environment);
      return { name, pieces: () => readTextPieces(name) };
    }),
  );
}

async function* inPieces(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text);
}

async function countTokens(stream: TokenStream): Promise<number> {
  let count = 0;
  await stream.read((tokens) => (count += tokens.length));
  return count;
}

function sizesOf({ testShare = defaultTestShare }: TextDatasetSpec, [first = 0, second]: readonly number[]): Sizes {
  const train = second === undefined ? Math.floor(first * (1 - testShare)) : first;
  return [train, second ?? first - train];
}

function checkLongEnough({ length }: TextDatasetSpec, sizes: Sizes, streams: readonly TokenStream[]): void {
  for (const [index, size] of sizes.entries()) {
    if (size > length) continue;
    const file = streams[index]?.name ?? streams[0]?.name ?? "";
    const part = index === 0 ? "training" : "testing";
    const sentence = `${file}: ${size} tokens for ${part} are too few for a window of ${length} and its next tokens`;
    throw new ShoalError("data_corrupt", sentence, { file });
  }
}

async function encodeAll(
  streams: readonly TokenStream[],
  sizes: Sizes,
  windows: Windows,
  environment: Pick<DatasetEnvironment, "cacheFolder" | "memoryLimitBytes">,
): Promise<readonly [Split, Split]> {
  const [trainTokens, testTokens] = sizes;
  // Test windows never overlap.
  const testWindows = { ...windows, stride: windows.length };
  const bytesEach = tokenArray(windows.vocabulary, 0).BYTES_PER_ELEMENT;
  if ((trainTokens + testTokens) * bytesEach > (environment.memoryLimitBytes ?? defaultMemoryLimitBytes)) {
    const file = await writeTokens(streams, environment.cacheFolder);
    const train = storedWindowSplit(file, 0, trainTokens, windows);
    return [train, storedWindowSplit(file, trainTokens, testTokens, testWindows)];
  }
  const all = tokenArray(windows.vocabulary, trainTokens + testTokens);
  let at = 0;
  for (const stream of streams) {
    await stream.read((tokens) => {
      all.set(tokens, at);
      at += tokens.length;
    });
  }
  return [windowSplit(all.subarray(0, trainTokens), windows), windowSplit(all.subarray(trainTokens), testWindows)];
}

/** @returns the file of int32 tokens */
async function writeTokens(streams: readonly TokenStream[], cacheFolder: string): Promise<string> {
  const records = createRecordFile(cacheFolder);
  try {
    for (const stream of streams) {
      await stream.read((tokens) => records.append(new Uint8Array(Int32Array.from(tokens).buffer)));
    }
    records.close();
    return records.file;
  } catch (error) {
    records.discard();
    throw error;
  }
}
