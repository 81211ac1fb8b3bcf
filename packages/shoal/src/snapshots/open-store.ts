/** The place of the snapshots, as people name it. */
import { resolve } from "node:path";
import type { NatsConnection } from "@nats-io/nats-core";
import { ShoalError } from "@shoal/errors";
import type { SnapshotStore } from "@shoal/protocol";
import { ensureWritable, type Environment } from "../environment/folders.ts";
import { createFolderStore } from "./folder-store.ts";
import { createNatsSnapshotStore } from "./nats-store.ts";
import { createS3Store } from "./s3-store.ts";

export interface StoreChoice {
  /** Where the run's other files are: the default. */
  readonly runsFolder: string;
  readonly environment: Environment;
  /** Undefined where there is no cluster: then no snapshots can be on its NATS. */
  readonly nats: NatsConnection | undefined;
}

/** What `--snapshots` and SHOAL_SNAPSHOTS may say, for help texts. */
export const placesText = "a folder, nats:BUCKET, or s3://BUCKET/PREFIX (SHOAL_SNAPSHOTS; default: the runs folder)";

/** The environment with the place that an option names; roles that are started as processes find it there. */
export function withPlace(environment: Environment, snapshots: string | undefined): Environment {
  return snapshots === undefined ? environment : { ...environment, SHOAL_SNAPSHOTS: snapshots };
}

/** @throws ShoalError invalid_argument - the place cannot be read, or lacks what it needs */
export function openSnapshotStore({ runsFolder, environment, nats }: StoreChoice): SnapshotStore {
  const named = environment["SHOAL_SNAPSHOTS"];
  if (named === undefined || named === "") return createFolderStore(runsFolder);
  if (named.startsWith("nats:")) return natsStore(named.slice("nats:".length), nats);
  if (named.startsWith("s3://")) return s3Store(named.slice("s3://".length), environment);
  return createFolderStore(folderIn(named));
}

/**
 * Finds out before anything starts what can be known then: what a folder is, and whether it can be written.
 * @throws ShoalError invalid_argument - the place is of no kind that there is; file_not_writable
 */
export function checkPlace(environment: Environment): void {
  const named = environment["SHOAL_SNAPSHOTS"] ?? "";
  if (named === "" || named.startsWith("nats:") || named.startsWith("s3://")) return;
  ensureWritable(resolve(folderIn(named)), "--snapshots");
}

/** A place of another kind is not taken for a folder of that name. */
function folderIn(named: string): string {
  if (!/^(?:[a-z][a-z0-9+.-]*:\/\/|s3:)/i.test(named)) return named;
  throw invalid(`expected a folder, nats:BUCKET or s3://BUCKET/PREFIX, got ${JSON.stringify(named)}`);
}

function natsStore(bucket: string, nats: NatsConnection | undefined): SnapshotStore {
  if (!/^[\w-]{1,64}$/.test(bucket)) {
    throw invalid(`nats:${bucket}: expected a bucket of letters, digits, "-" and "_" after nats:`);
  }
  if (nats !== undefined) return createNatsSnapshotStore(nats, bucket);
  throw invalid(`snapshots in nats:${bucket} need a cluster: start one with \`shoal up\`, or name another place`);
}

function s3Store(path: string, environment: Environment): SnapshotStore {
  const [bucket = "", ...rest] = path.split("/");
  if (bucket === "") throw invalid("expected s3://BUCKET or s3://BUCKET/PREFIX");
  const region = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? "us-east-1";
  const server = environment["AWS_ENDPOINT_URL_S3"] ?? environment["AWS_ENDPOINT_URL"];
  const required = (name: string): string => {
    const value = environment[name];
    if (value !== undefined && value !== "") return value;
    throw invalid(`snapshots in s3://${path} need ${name}`);
  };
  const folder = rest.filter((part) => part !== "").join("/");
  return createS3Store({
    endpoint: `${(server ?? `https://s3.${region}.amazonaws.com`).replace(/\/$/, "")}/${bucket}`,
    region,
    accessKeyId: required("AWS_ACCESS_KEY_ID"),
    secretAccessKey: required("AWS_SECRET_ACCESS_KEY"),
    prefix: folder === "" ? "" : `${folder}/`,
  });
}

function invalid(sentence: string): ShoalError {
  return new ShoalError("invalid_argument", sentence, { field: "snapshots" });
}
