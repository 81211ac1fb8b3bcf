/** Joins a worker's federated runs to their clients: over the cluster's NATS, or within this process. */
import type { Random, Clock, StateStore } from "@shoal/actors";
import type { ChainedRound } from "@shoal/aggregator";
import type { AggregatorPlane } from "@shoal/federated";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type { SnapshotStore, StartRun } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import type { RoundFile } from "./round-file.ts";
import { createFederatedCompute } from "./federated-compute.ts";

export interface FederationSite {
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly clock: Clock;
  readonly random: Random;
  /** Opened when the first federated run starts. */
  readonly openStore: () => Promise<StateStore>;
  readonly planeOf: (run: string) => AggregatorPlane;
  /** Keeps what must not go back with a run that goes on from a snapshot. */
  readonly snapshots: SnapshotStore;
  /** Keeps the audit log. */
  readonly rounds: RoundFile;
  /** Takes a sentence for people. */
  readonly log: (sentence: string) => void;
}

/** @returns what a worker makes of the computing of a federated run */
export function createFederation(site: FederationSite): (start: StartRun, own: ComputePort) => Promise<ComputePort> {
  let store: Promise<StateStore> | undefined;
  return async ({ run, job }, own) => {
    store ??= site.openStore();
    store.catch(() => (store = undefined));
    const { memory, kernels, clock, log, rounds, snapshots } = site;
    const random = site.random.fork(`federated ${run}`);
    const place = { plane: site.planeOf(run), store: await store, snapshots };
    const environment = { run, job, ...place, clock, random, memory, kernels };
    const onNote = (sentence: string): void => log(`${run}: ${sentence}`);
    const ofLog = {
      onRecord: (record: ChainedRound): void => rounds.append(run, record),
      lastRecord: (): Promise<ChainedRound | undefined> => rounds.last(run),
    };
    return createFederatedCompute({ ...environment, ...ofLog, onNote }, own);
  };
}
