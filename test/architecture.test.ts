/** Checks what ARCHITECTURE.md promises of the sources: who imports whom, what touches Node, how files look. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { readImports, readSources, workspaceRoot, type SourceFile } from "./support/source-tree.ts";

/** Which packages a package may import: the picture "The house" as a table. */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  actors: ["errors"],
  "kernels-wasm": ["errors"],
  protocol: ["errors", "actors"],
  optimization: ["errors", "kernels-wasm"],
  models: ["errors", "kernels-wasm"],
  federated: ["errors", "actors", "kernels-wasm"],
  "ps-server": ["errors", "actors", "kernels-wasm", "protocol", "optimization"],
  worker: ["errors", "actors", "kernels-wasm", "protocol", "models", "optimization"],
  coordinator: ["errors", "actors", "protocol", "models", "optimization", "federated"],
  aggregator: ["errors", "actors", "kernels-wasm", "optimization", "protocol", "federated"],
  "edge-client": ["errors", "actors", "kernels-wasm", "models", "federated", "optimization"],
  shoal: [
    ...["errors", "actors", "kernels-wasm", "protocol", "optimization", "models", "federated"],
    ...["ps-server", "worker", "coordinator", "aggregator", "edge-client"],
  ],
};

/** These run in a page too: Node is reached from their host/ folders only. */
const portablePackages = ["kernels-wasm", "protocol", "optimization", "models", "federated", "edge-client"];

const packageNames = Object.keys(allowedImports);
const maximumLines = 400;
const vagueNames = ["utils", "util", "helpers", "helper", "common", "misc", "types"];
const unfinished = new RegExp(`\\b(${["TO", "DO"].join("")}|${["FIX", "ME"].join("")})\\b`);

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(join(workspaceRoot, path), "utf8")) as T;
const manifestOf = (name: string): Manifest => readJson<Manifest>(`packages/${name}/package.json`);
const isTest = (file: SourceFile): boolean => /\.test(-d)?\.ts$/.test(file.path);
const folderOf = (specifier: string): string => (specifier === "shoal" ? specifier : specifier.replace("@shoal/", ""));

/** A specifier of one of our packages, split into the package and the path behind it. */
function readOwn(specifier: string): { readonly name: string; readonly entry: string } | undefined {
  const match = /^(shoal|@shoal\/[^/]+)(\/.+)?$/.exec(specifier);
  return match === null ? undefined : { name: folderOf(match[1] ?? ""), entry: `.${match[2] ?? ""}` };
}

/** Every import of every file, as `file -> specifier`, that the predicate finds wrong. */
function wrongImports(
  files: readonly SourceFile[],
  isWrong: (specifier: string, file: SourceFile) => boolean,
): string[] {
  return files.flatMap((file) =>
    readImports(file.text)
      .filter((specifier) => isWrong(specifier, file))
      .map((specifier) => `${file.path} -> ${specifier}`),
  );
}

const everything = ["packages", "test", "scripts", "bench", "examples"].flatMap(readSources);

describe("the workspace", () => {
  it("has the packages of the table and no other", () => {
    expect(readdirSync(join(workspaceRoot, "packages")).sort()).toEqual([...packageNames].sort());
  });

  it("names no file after nothing in particular", () => {
    const names = everything.filter((file) => vagueNames.includes(basename(file.path).replace(/\..*$/, "")));
    expect(names.map((file) => file.path)).toEqual([]);
  });

  it("names its files in kebab-case", () => {
    const odd = everything.filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)+$/.test(basename(file.path)));
    expect(odd.map((file) => file.path)).toEqual([]);
  });

  it(`has no file above ${maximumLines} lines`, () => {
    const long = everything.filter((file) => file.text.split("\n").length - 1 > maximumLines);
    expect(long.map((file) => file.path)).toEqual([]);
  });

  it("leaves no note about work to be done", () => {
    expect(everything.filter((file) => unfinished.test(file.text)).map((file) => file.path)).toEqual([]);
  });

  it("uses packages through their doors only", () => {
    const isDeep = (specifier: string): boolean => {
      const own = readOwn(specifier);
      return own !== undefined && !Object.hasOwn(manifestOf(own.name).exports, own.entry);
    };
    expect(wrongImports(everything, isDeep)).toEqual([]);
  });
});

describe.each(packageNames)("package %s", (name) => {
  const files = readSources(`packages/${name}/src`);
  const allowed = allowedImports[name] ?? [];

  it("imports only packages below it", () => {
    const isUpward = (specifier: string): boolean => {
      const own = readOwn(specifier);
      return own !== undefined && !allowed.includes(own.name);
    };
    expect(wrongImports(files, isUpward)).toEqual([]);
  });

  it("declares only packages below it, and the compiler builds exactly these first", () => {
    const declared = Object.keys(manifestOf(name).dependencies ?? {})
      .map((dependency) => readOwn(dependency)?.name)
      .filter((dependency) => dependency !== undefined)
      .sort();
    expect(declared.filter((dependency) => !allowed.includes(dependency))).toEqual([]);
    const { references = [] } = readJson<{ readonly references?: readonly { readonly path: string }[] }>(
      `packages/${name}/tsconfig.json`,
    );
    expect(references.map(({ path }) => basename(path)).sort()).toEqual(declared);
  });

  it("stays inside its own folder", () => {
    const leavesPackage = (specifier: string, file: SourceFile): boolean =>
      specifier.startsWith(".") &&
      !isTest(file) &&
      !normalize(join(dirname(file.path), specifier)).startsWith(`packages/${name}/`);
    expect(wrongImports(files, leavesPackage)).toEqual([]);
  });

  it("has a door", () => {
    expect(existsSync(join(workspaceRoot, `packages/${name}/src/index.ts`))).toBe(true);
  });
});

describe.each(portablePackages)("package %s runs in a page and", (name) => {
  it("reaches Node from its host folders only", () => {
    const files = readSources(`packages/${name}/src`).filter((file) => !isTest(file) && !file.path.includes("/host/"));
    expect(wrongImports(files, (specifier) => specifier.startsWith("node:"))).toEqual([]);
  });
});
