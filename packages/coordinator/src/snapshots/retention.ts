/** Which snapshots of a run are kept: pure. */
import { readManifestName, snapshotPrefix, snapshotsPrefix, type StoredObject } from "@shoal/protocol";
import { attemptOf } from "./snapshot-state.ts";

export interface Retention {
  /** Names of whole snapshots, the newest last. */
  readonly whole: readonly string[];
  /** Objects that go. */
  readonly remove: readonly string[];
}

/**
 * Keeps the newest `keep` of the whole ones. Of the others everything goes that is older than the newest whole one: what is
 * newer may still be written. What is no snapshot's is left alone. Manifests go first, so that nothing looks whole that is
 * not.
 *
 * @param objects all below `snapshotsPrefix(run)`
 */
export function decideRetention(run: string, objects: readonly StoredObject[], keep: number): Retention {
  const prefix = snapshotsPrefix(run);
  const nameOf = ({ name }: StoredObject): string => name.slice(prefix.length).split("/")[0] ?? "";
  const known = objects.filter((object) => object.name.startsWith(prefix) && attemptOf(nameOf(object)) !== undefined);
  const whole = known.flatMap(({ name }) => readManifestName(name)?.snapshot ?? []).toSorted();
  const kept = new Set(whole.slice(-keep));
  const newest = whole.at(-1) ?? "";
  const gone = known.filter((object) => !kept.has(nameOf(object)) && nameOf(object) < newest).map(({ name }) => name);
  const isManifest = (name: string): boolean => readManifestName(name) !== undefined;
  return { whole, remove: [...gone.filter(isManifest), ...gone.filter((name) => !isManifest(name))] };
}

/** The whole snapshot before one; undefined: there is none. */
export function snapshotBefore(whole: readonly string[], snapshot: string): string | undefined {
  return whole.filter((each) => each < snapshot).at(-1);
}

/** What of a manifest's objects is missing or has another length. */
export function firstMissing(
  run: string,
  snapshot: string,
  expected: readonly StoredObject[],
  found: readonly StoredObject[],
): string | undefined {
  const sizes = new Map(found.map(({ name, bytes }) => [name, bytes]));
  const prefix = snapshotPrefix(run, snapshot);
  for (const { name, bytes } of expected) {
    if (!name.startsWith(prefix)) return `${name} belongs to another snapshot`;
    const size = sizes.get(name);
    if (size === undefined) return `${name} is missing`;
    if (size !== bytes) return `${name} has ${size} bytes, not ${bytes}`;
  }
  return undefined;
}
