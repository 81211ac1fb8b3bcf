/** Where `shoal rounds` finds the log of a run: in the folder of this machine, else with the workers of the cluster. */
import type { ChainedRound } from "@shoal/aggregator";
import { isShoalError } from "@shoal/errors";
import { resolveCluster } from "../cluster/cluster-address.ts";
import { readClusterRounds, type ClusterRounds } from "../cluster/read-cluster-rounds.ts";
import { runsFolder } from "../environment/folders.ts";
import { readRounds } from "../federated/round-file.ts";
import type { CommandContext } from "./command-line.ts";
import { withCluster, type ConnectedOptions } from "./commands/connected-command.ts";

export interface FoundRounds {
  readonly rounds: readonly ChainedRound[];
  /** Sentences for people: whose log it is, and what may be missing. */
  readonly source: readonly string[];
}

export interface FindOptions extends ConnectedOptions {
  readonly runs?: string;
}

/**
 * A cluster that is named is asked, a folder that is named is read; where neither is, the folder comes first.
 * @throws ShoalError run_not_found - nobody has it; of the connection
 */
export async function findRounds(run: string, options: FindOptions, context: CommandContext): Promise<FoundRounds> {
  if (options.nats !== undefined || options.cluster !== undefined) return askCluster(run, options, context);
  const folder = runsFolder(context.environment, options.runs);
  try {
    const rounds = await readRounds(folder, run);
    return { rounds, source: [`as this machine has them, in ${folder}${missingText(rounds)}`] };
  } catch (error) {
    if (!isShoalError(error, "run_not_found") || options.runs !== undefined || !canAsk(options, context)) throw error;
    return askCluster(run, options, context);
  }
}

async function askCluster(run: string, options: FindOptions, context: CommandContext): Promise<FoundRounds> {
  let found: ClusterRounds | undefined;
  await withCluster(options, context, async ({ system, coordinator }) => {
    found = await readClusterRounds(system, coordinator, run);
  });
  const { rounds = [], of = [], cut = [], silent = [] } = found ?? {};
  return {
    rounds,
    source: [
      `as the workers of the cluster have them: ${of.join(", ")}`,
      ...cut.map((worker) => `${worker} has earlier ones, too: they are in its folder of runs`),
      ...silent.map(({ worker, reason }) => `${worker} could not be asked: ${reason}`),
    ],
  };
}

/** Whether there is a cluster to ask. */
function canAsk(options: FindOptions, { environment }: CommandContext): boolean {
  try {
    resolveCluster(options, environment);
    return true;
  } catch {
    return false;
  }
}

function missingText(rounds: readonly ChainedRound[]): string {
  const isWhole = rounds.every(({ sequence }, index) => sequence === index);
  return isWhole ? "" : "; the others may stand with other workers, whom --cluster NAME asks";
}
