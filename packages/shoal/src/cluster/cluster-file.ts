/**
 * How `shoal submit` in another terminal finds the cluster that `shoal up` started: a file per cluster with address
 * and token, readable by its user only.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ShoalError } from "@shoal/errors";
import { z } from "zod";
import { stateFolder, type Environment } from "../environment/folders.ts";

export interface ClusterFile {
  readonly cluster: string;
  readonly nats: string;
  /** Where `shoal edge` joins a nats-server of its own to this one. */
  readonly leaf?: string | undefined;
  readonly token: string;
  /** Process that keeps the cluster up; the file is stale when it is gone. */
  readonly pid: number;
}

const writingLimitMs = 5_000;

const schema: z.ZodType<ClusterFile> = z.object({
  cluster: z.string(),
  nats: z.string(),
  leaf: z.string().optional(),
  token: z.string(),
  pid: z.int(),
});

function folderOf(environment: Environment): string {
  return join(stateFolder(environment), "clusters");
}

/** @throws ShoalError cluster_exists - a live process keeps a cluster of this name */
export function refuseSecondKeeper(cluster: string, environment: Environment): void {
  const other = liveClusters(environment).find((file) => file.cluster === cluster);
  if (other === undefined) return;
  throw new ShoalError(
    "cluster_exists",
    `a cluster called ${cluster} is up already (process ${other.pid}); choose another name with --cluster, or end that one`,
    { cluster, pid: other.pid },
  );
}

/**
 * @returns what removes the file again
 * @throws ShoalError cluster_exists - another keeper was faster; file_not_writable
 */
export function writeClusterFile(file: ClusterFile, environment: Environment): () => void {
  const folder = folderOf(environment);
  const path = join(folder, `${file.cluster}.json`);
  refuseSecondKeeper(file.cluster, environment);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // "wx": of two keepers that start at the same moment one fails here, and neither removes the other's file.
    writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    refuseSecondKeeper(file.cluster, environment);
    throw new ShoalError(
      "file_not_writable",
      `cannot write ${path}; set XDG_STATE_HOME to a folder that can be written`,
      { path },
      { cause },
    );
  }
  return () => rmSync(path, { force: true });
}

/** Clusters of this user whose keeper is alive; files of dead ones are removed. */
export function liveClusters(environment: Environment): readonly ClusterFile[] {
  const folder = folderOf(environment);
  return listFiles(folder).flatMap((name) => {
    const path = join(folder, name);
    const file = readClusterFile(path);
    if (file !== undefined && isAlive(file.pid)) return [file];
    if (file !== undefined || !isBeingWritten(path)) rmSync(path, { force: true });
    return [];
  });
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
}

function readClusterFile(path: string): ClusterFile | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

/** A keeper makes its file first and fills it then: one that cannot be read may be of a moment ago. */
function isBeingWritten(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  return file !== undefined && Date.now() - file.mtimeMs < writingLimitMs;
}

/** Whether the process that keeps a cluster up lives. */
export function isKeptUp({ pid }: Pick<ClusterFile, "pid">): boolean {
  return isAlive(pid);
}

/** Signal 0 tests for existence; EPERM means that it exists and is another user's. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
