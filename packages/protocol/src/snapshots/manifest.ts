/**
 * What a snapshot consists of, as a document: written last, so what has a manifest is whole.
 *
 * A run's snapshots stand under `<run>/snapshots/`: of each a folder with one object a shard and `manifest.json`, and beside
 * them the pointer `latest`, which names the newest and is changed by compare-and-set.
 */
import { ShoalError } from "@shoal/errors";
import { z } from "zod";
import { jobSpecSchema, type JobSpec } from "../job/job-spec.ts";
import { metricsSchema } from "../job/test-metrics.ts";
import type { Evaluation, RunPhase } from "../messages/client.ts";
import { countSchema, nameSchema, positiveSchema } from "../messages/schema.ts";

/** Begin, end, begin, end …: ascending ranges that do not touch. */
export type FlatIntervals = readonly number[];

/** One object of a snapshot. */
export interface SnapshotObject {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

export interface SavedShard extends SnapshotObject {
  readonly shard: number;
  readonly version: number;
}

/** What a slot's computing keeps from step to step: unsent error, replica of local updates. */
export interface SavedSlot extends SnapshotObject {
  readonly slot: number;
}

/** From which step on the slots of a synchronous step have which sizes: adaptive batches. */
export interface SavedCuts {
  readonly cuts: readonly { readonly fromStep: number; readonly sizes: readonly number[] }[];
  readonly until: number;
}

export interface SnapshotManifest {
  readonly format: 1;
  readonly kind: "shoal-snapshot";
  readonly run: string;
  /** Name of the snapshot: names sort by age. */
  readonly snapshot: string;
  /** How often the run had begun again from a snapshot when this one was taken. */
  readonly attempt: number;
  readonly takenAtMs: number;
  /** Steps, or updates of the shard that had the fewest. */
  readonly step: number;
  readonly job: JobSpec;
  readonly slots: number;
  /** Training samples that the batches are cut from. */
  readonly samples: number;
  /** Highest term of a seat. */
  readonly seatTerm: number;
  /** shard, begin, end, shard, begin, end … */
  readonly ranges: readonly number[];
  /** Batches that every shard has applied. */
  readonly done: FlatIntervals;
  readonly stepCuts: SavedCuts | null;
  readonly evaluations: readonly Evaluation[];
  readonly bestLoss: number | null;
  readonly sinceBest: number;
  /** Mean training loss of the newest reports. */
  readonly loss: number | null;
  /** Random state: all draws depend on the seed and on the position of a sample alone. */
  readonly random: { readonly seed: number };
  readonly shards: readonly SavedShard[];
  /** Synchronous mode, where the computing of a slot keeps something: as it was when `step` began. */
  readonly slotStates?: readonly SavedSlot[] | undefined;
}

/** What the pointer of a run says. */
export interface RunPointer {
  readonly format: 1;
  readonly run: string;
  readonly name: string;
  /** The newest whole snapshot. */
  readonly snapshot: string;
  readonly step: number;
  readonly loss: number | null;
  readonly bytes: number;
  readonly phase: RunPhase;
  readonly atMs: number;
}

const maximumIntervals = 131_072;
const object = {
  name: z.string().min(1).max(256),
  bytes: z.int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
};

export const savedShardSchema: z.ZodType<SavedShard> = z.strictObject({
  ...object,
  shard: countSchema,
  version: countSchema,
});

export const savedSlotSchema: z.ZodType<SavedSlot> = z.strictObject({ ...object, slot: countSchema });

export const intervalsSchema: z.ZodType<FlatIntervals> = z.array(countSchema).max(maximumIntervals);

const evaluation: z.ZodType<Evaluation> = z.strictObject({
  accuracy: z.number(),
  loss: z.number(),
  metrics: metricsSchema,
  step: countSchema,
  version: countSchema,
  atMs: z.number().min(0),
});

export const snapshotManifestSchema: z.ZodType<SnapshotManifest> = z.strictObject({
  format: z.literal(1),
  kind: z.literal("shoal-snapshot"),
  run: nameSchema,
  snapshot: nameSchema,
  attempt: countSchema,
  takenAtMs: z.number().min(0),
  step: countSchema,
  job: jobSpecSchema,
  slots: positiveSchema,
  samples: positiveSchema,
  seatTerm: countSchema,
  ranges: z
    .array(countSchema)
    .min(3)
    .max(3 * 4096),
  done: intervalsSchema,
  stepCuts: z
    .strictObject({
      cuts: z
        .array(z.strictObject({ fromStep: countSchema, sizes: z.array(positiveSchema).min(1).max(4096) }))
        .min(1)
        .max(8),
      until: countSchema,
    })
    .nullable(),
  evaluations: z.array(evaluation).max(10_000),
  bestLoss: z.number().nullable(),
  sinceBest: countSchema,
  loss: z.number().nullable(),
  random: z.strictObject({ seed: countSchema }),
  shards: z.array(savedShardSchema).min(1).max(4096),
  slotStates: z.array(savedSlotSchema).max(65_536).optional(),
});

const pointerSchema: z.ZodType<RunPointer> = z.strictObject({
  format: z.literal(1),
  run: nameSchema,
  name: z.string().max(64),
  snapshot: nameSchema,
  step: countSchema,
  loss: z.number().nullable(),
  bytes: z.number().min(0),
  phase: z.enum(["queued", "starting", "training", "finishing", "completed", "failed", "cancelled"]),
  atMs: z.number().min(0),
});

export function snapshotsPrefix(run: string): string {
  return `${run}/snapshots/`;
}

export function snapshotPrefix(run: string, snapshot: string): string {
  return `${snapshotsPrefix(run)}${snapshot}/`;
}

export function manifestName(run: string, snapshot: string): string {
  return `${snapshotPrefix(run, snapshot)}manifest.json`;
}

export function shardObjectName(run: string, snapshot: string, shard: number): string {
  return `${snapshotPrefix(run, snapshot)}shard-${shard}`;
}

export function slotObjectName(run: string, snapshot: string, slot: number): string {
  return `${snapshotPrefix(run, snapshot)}slot-${slot}`;
}

export function pointerName(run: string): string {
  return `${snapshotsPrefix(run)}latest`;
}

/** The pointer with what a federated run has given away for good: it does not go back with the run. */
export function accountName(run: string): string {
  return `${snapshotsPrefix(run)}account`;
}

/** Reads the name of a manifest. @returns undefined for any other object */
export function readManifestName(name: string): { readonly run: string; readonly snapshot: string } | undefined {
  const [, run, snapshot] = /^([^/]+)\/snapshots\/([^/]+)\/manifest\.json$/.exec(name) ?? [];
  return run === undefined || snapshot === undefined ? undefined : { run, snapshot };
}

/**
 * @param bytes what is stored under `manifestName(run, snapshot)`
 * @throws ShoalError snapshot_corrupt - the message names the object and what is wrong with it
 */
export function parseManifest(run: string, snapshot: string, bytes: Uint8Array): SnapshotManifest {
  const name = manifestName(run, snapshot);
  const manifest = parseDocument(name, bytes, snapshotManifestSchema);
  if (manifest.run !== run || manifest.snapshot !== snapshot) {
    const found = `snapshot ${manifest.snapshot} of run ${manifest.run}`;
    throw new ShoalError("snapshot_corrupt", `${name} describes ${found}`, { object: name });
  }
  return manifest;
}

/** @throws ShoalError snapshot_corrupt */
export function parsePointer(run: string, text: string): RunPointer {
  return parseDocument(pointerName(run), new TextEncoder().encode(text), pointerSchema);
}

function parseDocument<T>(name: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ShoalError("snapshot_corrupt", `${name} is not JSON`, { object: name }, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`;
  throw new ShoalError("snapshot_corrupt", `${name} is not a manifest that this version reads (${field})`, {
    object: name,
  });
}
