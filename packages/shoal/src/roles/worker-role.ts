/** `shoal worker`: a worker as a process, its links over gRPC, its compute in a thread. */
import { createNatsKvStore } from "@shoal/actors";
import { createNatsAggregatorPlane } from "@shoal/aggregator";
import { coordinatorAddress, type CoordinatorMessage } from "@shoal/protocol";
import { createFolderStateStore, createGrpcLinkFactory, startWorker } from "@shoal/worker";
import { createFederation } from "../federated/federate.ts";
import { createRoundFile, readLogPart } from "../federated/round-file.ts";
import { openSnapshotStore } from "../snapshots/open-store.ts";
import { createDatasetLoader, createNodeKit, readModelFile, writeModelFile } from "./node-kit.ts";
import { runRole, type RoleOptions } from "./run-role.ts";

export interface WorkerRoleOptions extends RoleOptions {
  readonly dataFolder: string | undefined;
}

export async function runWorker(options: WorkerRoleOptions): Promise<void> {
  await runRole(options, async ({ system, nats }, token) => {
    const kit = await createNodeKit();
    const links = createGrpcLinkFactory({ token, clock: system.clock });
    const { cluster, log } = options;
    const snapshots = openSnapshotStore({ ...options, nats });
    const federate = createFederation({
      ...{ ...kit, clock: system.clock, random: system.random, log },
      snapshots,
      rounds: createRoundFile(options.runsFolder, log),
      openStore: () => createNatsKvStore({ connection: nats, bucket: `shoal-${cluster}-federated` }),
      planeOf: (task) => createNatsAggregatorPlane(nats, { cluster, task }),
    });
    const worker = startWorker({
      system,
      memory: kit.memory,
      modules: kit.modules,
      coordinator: system.ref<CoordinatorMessage>(coordinatorAddress),
      links,
      loadDataset: createDatasetLoader(options),
      readModel: readModelFile,
      writeModel: (run, bytes) => writeModelFile(options.runsFolder, run, bytes),
      states: createFolderStateStore(options.runsFolder),
      snapshots,
      onNote: log,
      federate,
      readRounds: (run, end) => readLogPart(options.runsFolder, run, end),
      computeKind: "thread",
    });
    return { detail: {}, joined: worker.joined, drain: () => worker.drain(), close: () => worker.close() };
  });
}
