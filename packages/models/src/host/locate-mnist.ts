/** Finds MNIST: in the user's folder, else in the cache, else at a public mirror. */
import { join } from "node:path";
import { ShoalError } from "@shoal/errors";
import { defaultResponseTimeoutMs, defaultTotalTimeoutMs, download } from "./download.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { checkDataFolder } from "./find-data-file.ts";
import { findCached, findMnistFile, writeCached } from "./mnist-cache.ts";
import { isOriginal, mnistFiles, mnistMirrors, type MnistFile, type MnistPart } from "./mnist-files.ts";
import { unpacked } from "./read-file.ts";

/** The unpacked IDX content of each file. */
export type MnistContents = Readonly<Record<MnistPart, Uint8Array>>;

export type MnistLocation =
  | { readonly found: true; readonly contents: MnistContents; readonly source: string }
  | { readonly found: false; readonly reason: string };

export interface MnistSearch extends Omit<DatasetEnvironment, "baseFolder"> {
  /** The files to look for, one for each part; default those of MNIST. */
  readonly files?: readonly MnistFile[] | undefined;
  /** Default 5 s until an answer begins. */
  readonly responseTimeoutMs?: number | undefined;
}

type Found = Map<MnistPart, Uint8Array>;

/**
 * Looks in `dataFolder` and its folder `mnist`, then in the cache, then downloads what is missing into the cache.
 * A damaged file in the cache is fetched again; one in the user's folder is an error.
 * @throws ShoalError data_not_found when `dataFolder` does not exist; data_corrupt for the user's own files
 */
export async function locateMnist(search: MnistSearch): Promise<MnistLocation> {
  const { dataFolder, files = mnistFiles, log = () => undefined } = search;
  if (dataFolder !== undefined) {
    const own = await searchOwnFolders(dataFolder, files, log);
    if (own !== undefined) return own;
  }
  const cache = join(search.cacheFolder, "mnist");
  const found: Found = new Map();
  for (const file of files) {
    const content = await findCached(cache, file, log);
    if (content !== undefined) found.set(file.part, content);
  }
  const missing = files.filter(({ part }) => !found.has(part));
  if (missing.length === 0) return { found: true, contents: complete(found), source: `MNIST from the cache ${cache}` };
  return await fetchMissing(missing, found, cache, search);
}

async function searchOwnFolders(
  dataFolder: string,
  files: readonly MnistFile[],
  log: (line: string) => void,
): Promise<MnistLocation | undefined> {
  await checkDataFolder(dataFolder);
  for (const candidate of [dataFolder, join(dataFolder, "mnist")]) {
    const found: Found = new Map();
    let original = true;
    for (const file of files) {
      const content = await findMnistFile(candidate, file);
      if (content === undefined) break;
      found.set(file.part, content);
      original &&= isOriginal(file, content);
    }
    if (found.size === files.length) {
      const source = original ? `MNIST from ${candidate}` : `${candidate} (its checksums are not those of MNIST)`;
      return { found: true, contents: complete(found), source };
    }
  }
  log(`MNIST is not in ${dataFolder}`);
  return undefined;
}

/** The message for people: without the code in front. */
function sentenceOf(error: unknown): string {
  return ShoalError.from(error).message.replace(/^\[[a-z_]+\] /, "");
}

function complete(found: Found): MnistContents {
  const part = (name: MnistPart): Uint8Array => found.get(name) ?? new Uint8Array(0);
  return {
    trainImages: part("trainImages"),
    trainLabels: part("trainLabels"),
    testImages: part("testImages"),
    testLabels: part("testLabels"),
  };
}

async function fetchMissing(
  missing: readonly MnistFile[],
  found: Found,
  cache: string,
  search: MnistSearch,
): Promise<MnistLocation> {
  const { mirrors = mnistMirrors, log = () => undefined } = search;
  const failures: string[] = [];
  for (const mirror of mirrors) {
    log(`downloading MNIST from ${new URL(mirror).host}`);
    try {
      for (const file of missing) {
        if (!found.has(file.part)) found.set(file.part, await fetchFile(mirror, file, cache, search));
      }
      return { found: true, contents: complete(found), source: `MNIST, downloaded from ${new URL(mirror).host}` };
    } catch (error) {
      const sentence = sentenceOf(error);
      failures.push(sentence);
      log(`the download failed: ${sentence}`);
    }
  }
  return { found: false, reason: failures.length > 0 ? failures.join("; ") : "downloads are turned off" };
}

/** Packing saves nothing on noise: a packed file may be a little larger than its content. */
const packingRoom = 65_536;

async function fetchFile(mirror: string, file: MnistFile, cache: string, search: MnistSearch): Promise<Uint8Array> {
  const { responseTimeoutMs = defaultResponseTimeoutMs, log = () => undefined } = search;
  const limits = { responseTimeoutMs, totalTimeoutMs: defaultTotalTimeoutMs, bytes: file.bytes + packingRoom };
  const url = `${mirror}/${file.name}.gz`;
  const packed = await download(url, limits, search.fetch ?? fetch);
  const content = await unpacked(packed, url, file.bytes);
  if (!isOriginal(file, content)) {
    throw new ShoalError("data_corrupt", `${url}: the checksum is not that of MNIST`, { file: url });
  }
  // Without a cache the data is still good for this run.
  await writeCached(cache, `${file.name}.gz`, packed).catch((error: unknown) => log(sentenceOf(error)));
  return content;
}
