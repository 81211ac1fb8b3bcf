/** What is published is whole at every moment, and its pointer goes forward. */
import { createHash } from "node:crypto";
import { ShoalError } from "@shoal/errors";
import {
  manifestName,
  parseManifest,
  parsePointer,
  readManifestName,
  snapshotPrefix,
  type SnapshotManifest,
} from "@shoal/protocol";
import type { DiskChange, WorldDisk } from "../world/world-disk.ts";

export interface DiskWatch {
  /** Snapshots that were published, oldest first. */
  readonly published: readonly SnapshotManifest[];
  /** The newest that can be found of a run. */
  newest(run: string): SnapshotManifest | undefined;
}

/** @param report takes a sentence for each violation */
export function watchDisk(disk: WorldDisk, report: (sentence: string) => void): DiskWatch {
  const published: SnapshotManifest[] = [];
  const pointed = new Map<string, string>();
  disk.onChange = (change) => {
    for (const fault of faultsOf(disk, change, pointed)) report(fault);
    const manifest = change.kind === "written" ? manifestIn(change) : undefined;
    if (manifest !== undefined) published.push(manifest);
  };
  return {
    published,
    newest(run) {
      const names = [...disk.objects.keys()].filter((name) => readManifestName(name)?.run === run).toSorted();
      const name = names.at(-1);
      return name === undefined ? undefined : manifestIn({ kind: "written", name, bytes: bytesOf(disk, name) });
    },
  };
}

function bytesOf({ objects }: WorldDisk, name: string): Uint8Array<ArrayBuffer> {
  return objects.get(name) ?? new Uint8Array(0);
}

function manifestIn({ name, bytes }: Extract<DiskChange, { kind: "written" }>): SnapshotManifest | undefined {
  const of = readManifestName(name);
  return of === undefined ? undefined : parseManifest(of.run, of.snapshot, bytes);
}

function faultsOf(disk: WorldDisk, change: DiskChange, pointed: Map<string, string>): readonly string[] {
  switch (change.kind) {
    case "written":
      return [...checkManifest(disk, change.name), ...checkManifestOf(disk, change.name, "was written over")];
    case "removed":
      return checkManifestOf(disk, change.name, "was removed");
    case "pointed":
      return checkPointer(disk, change, pointed);
  }
}

/** Whatever a manifest names is there, as long as it says, with the bytes that it says. */
function checkManifest(disk: WorldDisk, name: string): readonly string[] {
  const of = readManifestName(name);
  if (of === undefined) return [];
  let manifest: SnapshotManifest;
  try {
    manifest = parseManifest(of.run, of.snapshot, bytesOf(disk, name));
  } catch (error) {
    return [`${name} cannot be read: ${ShoalError.from(error).message}`];
  }
  const { shards, slotStates = [], job, step, ranges } = manifest;
  const broken = [...shards, ...slotStates].filter((shard) => {
    const bytes = disk.objects.get(shard.name);
    return bytes?.length !== shard.bytes || createHash("sha256").update(bytes).digest("hex") !== shard.sha256;
  });
  const faults = broken.map((shard) => `${name} names ${shard.name}, which is not there as it says`);
  if (shards.length !== ranges.length / 3) faults.push(`${name} has ${shards.length} of ${ranges.length / 3} shards`);
  const isCut = job.consistency.mode === "synchronous";
  if (isCut && shards.some(({ version }) => version !== step)) {
    faults.push(`${name} has versions ${shards.map(({ version }) => version).join(", ")} of step ${step}`);
  }
  return faults;
}

/** The objects of a snapshot do not change while it can be found. */
function checkManifestOf(disk: WorldDisk, name: string, what: string): readonly string[] {
  const [, run, snapshot] = /^([^/]+)\/snapshots\/([^/]+)\/(?:shard|slot)-\d+$/.exec(name) ?? [];
  if (run === undefined || snapshot === undefined) return [];
  return disk.objects.has(manifestName(run, snapshot)) ? [`${name} ${what} while its manifest is there`] : [];
}

function checkPointer(
  disk: WorldDisk,
  { name, text }: Extract<DiskChange, { kind: "pointed" }>,
  pointed: Map<string, string>,
): readonly string[] {
  const run = name.split("/")[0] ?? "";
  const { snapshot } = parsePointer(run, text);
  const before = pointed.get(name);
  pointed.set(name, snapshot);
  const faults: string[] = [];
  if (!disk.objects.has(manifestName(run, snapshot))) {
    faults.push(`${name} names ${snapshotPrefix(run, snapshot)}, which is not there`);
  }
  if (before !== undefined && before > snapshot) faults.push(`${name} goes back from ${before} to ${snapshot}`);
  return faults;
}
