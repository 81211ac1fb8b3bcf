/**
 * A federated job: the data is with clients. Each step of the run is one round that was committed; what a worker pushes is
 * the round's update as a pseudo-gradient, and the job's optimiser is the server's (SGD at rate 1 is federated averaging).
 *
 * `aggregation`, `robust` and `privacy` are opaque here: the `federated` package checks them. Times are seconds.
 */
import { z } from "zod";

type OpaqueSpec = Readonly<Record<string, unknown>>;

/** What each client does with its samples in a round. */
export interface LocalSettings {
  readonly epochs: number;
  /** null: all samples are one batch. */
  readonly batchSize: number | null;
  readonly learningRate: number;
  readonly momentum: number;
  /** FedProx: μ; 0: none. */
  readonly proximal: number;
  readonly correction: "none" | "scaffold";
  /** Names of layers that stay with the client. */
  readonly personal: readonly string[];
}

export interface FederatedSettings {
  /** Rounds that are committed; the run is over then. */
  readonly rounds: number;
  /** How contributions become an update, and how many of them: fedavg, fednova, qfedavg, fedbuff, fedasync. */
  readonly aggregation: OpaqueSpec;
  /** Against clients that lie: median, trimmed_mean, krum, …; null: none. */
  readonly robust: OpaqueSpec | null;
  /** Differential privacy, local noise, secure aggregation; null: none. */
  readonly privacy: OpaqueSpec | null;
  /** Fewest contributions that make a round count; null: all that the aggregation wants. */
  readonly minimum: number | null;
  /** Clients that are asked for each contribution that is wanted, because some drop out. With fedbuff and fedasync: clients that train at a time. */
  readonly overSelection: number;
  /** Rounds that a contribution may be behind; 0: none, and what comes too late is lost. */
  readonly maximumStaleness: number;
  /** Time to find clients, to hear whether they take part, to train and contribute. */
  readonly selectionSeconds: number;
  readonly configurationSeconds: number;
  readonly reportingSeconds: number;
  readonly local: LocalSettings;
  /** Encodings of values on their way to clients, and of updates on their way back, best first; a client takes the first it has. */
  readonly down: readonly OpaqueSpec[];
  readonly up: readonly OpaqueSpec[];
  /** Greatest norm of an update that is admitted; null: any that is finite. */
  readonly normBound: number | null;
  /** Samples that a client counts with at most, whatever it claims. */
  readonly sampleCap: number;
  /** Clients there are, in all: SCAFFOLD's N. null: as many as are asked for a round. */
  readonly population: number | null;
  /** Clients measure the values of each round on test data of their own. */
  readonly evaluatesOnClients: boolean;
}

const opaque = z.record(z.string(), z.unknown());
const seconds = (fallback: number): z.ZodDefault<z.ZodNumber> => z.number().gt(0).max(604_800).default(fallback);
const encodings = z
  .array(opaque)
  .min(1)
  .max(8)
  .default([{ name: "float32" }]);

const localSchema: z.ZodType<LocalSettings> = z.strictObject({
  epochs: z.int().min(1).max(1_000).default(1),
  batchSize: z.int().min(1).max(65_536).nullable().default(32),
  learningRate: z.number().gt(0),
  momentum: z.number().min(0).lt(1).default(0),
  proximal: z.number().min(0).default(0),
  correction: z.enum(["none", "scaffold"]).default("none"),
  personal: z.array(z.string().min(1).max(255)).max(256).default([]),
});

export const federatedSettingsSchema: z.ZodType<FederatedSettings> = z.strictObject({
  rounds: z.int().min(1).max(1_000_000),
  aggregation: opaque,
  robust: opaque.nullable().default(null),
  privacy: opaque.nullable().default(null),
  minimum: z.int().min(1).max(4_096).nullable().default(null),
  overSelection: z.number().min(1).max(1_000).default(1.3),
  maximumStaleness: z.int().min(0).max(1_000).default(0),
  selectionSeconds: seconds(60),
  configurationSeconds: seconds(30),
  reportingSeconds: seconds(600),
  local: localSchema,
  down: encodings,
  up: encodings,
  normBound: z.number().gt(0).nullable().default(null),
  sampleCap: z.int().min(1).max(0xffff_ffff).default(10_000),
  population: z.int().min(1).max(0xffff_ffff).nullable().default(null),
  evaluatesOnClients: z.boolean().default(false),
});

/** What a person writes: what has a default may be left out. */
export type FederatedInput = Pick<FederatedSettings, "rounds" | "aggregation"> & {
  readonly local: Pick<LocalSettings, "learningRate"> & Partial<LocalSettings>;
} & { readonly [K in Exclude<keyof FederatedSettings, "rounds" | "aggregation" | "local">]?: FederatedSettings[K] };
