/** The files of the page that `shoal edge` serves: built, read once, held in memory. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { constants, gzipSync } from "node:zlib";
import { ShoalError } from "@shoal/errors";

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
  /** The same as gzip has it, for browsers that take that: all of them. */
  readonly compressed: Buffer;
  /** Its name changes with its content. */
  readonly isImmutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

const buildLimitMs = 120_000;

/**
 * Where the built page is. In a clone it is built first, if what it is made of has changed; a package brings it along.
 * @throws ShoalError missing_tool - it does not build
 */
export async function pageFolder(edgeClient: string): Promise<string> {
  const script = join(edgeClient, "scripts", "build-page.mjs");
  if (existsSync(script)) {
    try {
      await promisify(execFile)(process.execPath, [script], { timeout: buildLimitMs });
    } catch (cause) {
      const sentence = `the page for browsers does not build (${cause instanceof Error ? cause.message : String(cause)})`;
      throw new ShoalError("missing_tool", sentence, { path: script }, { cause });
    }
  }
  return join(edgeClient, "build", "page");
}

/**
 * @returns files by their paths, as in "/assets/page-1a2b.js"; the page itself is "/"
 * @throws ShoalError missing_tool - the page has not been built
 */
export function readPageFiles(folder: string): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of namesIn(folder)) {
    const path = `/${name.split(sep).join("/")}`;
    const type = types[extname(name)];
    if (type === undefined) continue;
    const file = pageFileOf({
      type,
      content: readFileSync(join(folder, name)),
      isImmutable: path.startsWith("/assets/"),
    });
    files.set(path === "/index.html" ? "/" : path, file);
  }
  if (files.has("/")) return files;
  const sentence = `the page for browsers is not built: ${folder} has no index.html; \`npm run page\` builds it`;
  throw new ShoalError("missing_tool", sentence, { path: folder });
}

/** With what is sent to browsers that take gzip. */
export function pageFileOf(file: Omit<PageFile, "compressed">): PageFile {
  return { ...file, compressed: gzipSync(file.content, { level: constants.Z_BEST_COMPRESSION }) };
}

function namesIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => relative(folder, join(parentPath, name)));
  } catch {
    return [];
  }
}
