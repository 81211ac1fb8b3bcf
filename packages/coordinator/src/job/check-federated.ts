/** What federated rounds need of the rest of a job. */
import { counted, ShoalError } from "@shoal/errors";
import {
  arrivalOf,
  batchOf,
  clientsNeeded,
  codecBytes,
  crowdOf,
  goalOf,
  mostByCoins,
  mostHeld,
  parseAggregationPolicy,
  parsePrivacy,
  parseRobustRule,
  personalSpans,
  planCentralPrivacy,
  planLocalPrivacy,
  planSecureSum,
  sharedKeys,
  trainerBytes,
  type CentralRounds,
} from "@shoal/federated";
import { layoutOf, parseModelSpec, planBytes } from "@shoal/models";
import { parseEncodingSpec } from "@shoal/optimization";
import type { JobSpec } from "@shoal/protocol";

/**
 * Rounds are the batches of a synchronous run with one slot: the round's update is what is pushed for it.
 * @param input - what a person wrote: what the rounds decide themselves must not stand there
 * @returns the job with those fields as rounds need them
 * @throws ShoalError invalid_job; invalid_argument from the checks of the `federated` package
 */
export function checkFederated(job: JobSpec, input: unknown): JobSpec {
  const { federated } = job;
  if (federated === null) return job;
  const given = (typeof input === "object" && input !== null ? input : {}) as Readonly<Record<string, unknown>>;
  for (const [field, place] of Object.entries(decidedElsewhere)) {
    const found = given[field];
    if (found === undefined || found === 1) continue;
    reject(`job.${field}`, `expected nothing with federated rounds, which have ${place}`);
  }
  if (job.consistency.mode !== "synchronous") {
    const sentence =
      'expected "synchronous" with federated rounds: how they overlap is said by job.federated.aggregation';
    reject("job.consistency.mode", sentence);
  }
  if (job.communication.name !== "gradients") {
    reject("job.communication", "expected nothing with federated rounds, whose local steps are in job.federated.local");
  }
  checkRounds(federated);
  checkClients(federated);
  checkEncodings(federated);
  checkDevices(federated, job.model);
  if (federated.local.correction === "scaffold") checkScaffold(federated);
  if (federated.privacy !== null) checkSecureSums(federated, job.model);
  return { ...job, batchSize: 1, accumulation: 1, epochs: 1, slots: 1, guard: { ...job.guard, action: "off" } };
}

/** Fields that say something else of a run without clients. */
const decidedElsewhere = {
  batchSize: "job.federated.local.batchSize",
  accumulation: "job.federated.local.epochs",
  epochs: "job.federated.rounds and job.federated.local.epochs",
  slots: "one contribution a step: the round's update",
} as const;

function checkRounds({ aggregation, robust, minimum, overSelection }: NonNullable<JobSpec["federated"]>): void {
  const policy = parseAggregationPolicy(aggregation);
  const goal = goalOf(policy);
  const { held } = crowdOf(arrivalOf(policy), goal, overSelection);
  if (held > mostHeld) {
    const sentence = `expected at most ${mostHeld} clients in a round, with the goal of ${goal} there are ${held}`;
    reject("job.federated.overSelection", sentence);
  }
  const needed = robust === null ? 1 : clientsNeeded(parseRobustRule(robust));
  if (needed > goal) {
    reject(
      "job.federated.robust",
      `expected a rule for the ${counted(goal, "contribution")} of job.federated.aggregation, it needs ${needed}`,
    );
  }
  if (minimum !== null && minimum > goal) {
    reject(
      "job.federated.minimum",
      `expected at most the ${counted(goal, "contribution")} of job.federated.aggregation, got ${minimum}`,
    );
  }
  if (robust !== null && policy.name !== "fedavg") {
    reject(
      "job.federated.robust",
      `expected null with ${policy.name}: a robust rule takes the place of the mean of a round`,
    );
  }
}

/** Controls are means over all clients of plain steps' gradients: what bends either, or cannot see them, does not go with them. */
function checkScaffold(federated: NonNullable<JobSpec["federated"]>): void {
  const { aggregation, robust, privacy, local, population, overSelection } = federated;
  const field = "job.federated.local.correction";
  const policy = parseAggregationPolicy(aggregation);
  if (policy.name !== "fedavg" || robust !== null) {
    reject(field, `expected "none" with ${robust === null ? policy.name : "a robust rule"}: scaffold goes with fedavg`);
  }
  if ((aggregation["examples"] ?? "equal") !== "equal") {
    reject("job.federated.aggregation.examples", 'expected "equal" with scaffold, whose controls count alike');
  }
  if (local.momentum > 0 || local.proximal > 0) {
    reject(field, 'expected "none" with momentum or a proximal term: scaffold takes plain steps');
  }
  if (privacy !== null) reject(field, 'expected "none" with privacy: the changes of controls are sent as they are');
  const asked = Math.ceil(goalOf(policy) * overSelection);
  if (population !== null && population < asked) {
    reject(
      "job.federated.population",
      `expected at least the ${counted(asked, "client")} that a round asks, got ${population}`,
    );
  }
}

/** Client and aggregator agree on encodings by their names, and need no memory in common from one vector to the next. */
function checkEncodings({ down, up }: NonNullable<JobSpec["federated"]>): void {
  for (const [direction, specs] of Object.entries({ down, up })) {
    const field = `job.federated.${direction}`;
    const names = specs.map((spec, at) => parseEncodingSpec(spec, `${field}[${at}]`).name);
    const unfit = names.find((name) => name === "auto" || name === "power_sgd");
    if (unfit !== undefined) reject(field, `expected no ${unfit}, for which both ends remember earlier vectors`);
    const sparse = names.find((name) => name === "top_k" || name === "random_k");
    if (direction === "down" && sparse !== undefined) {
      reject(field, `expected no ${sparse}: values that it leaves out would be zeros to the client`);
    }
    if (new Set(names).size < names.length) reject(field, "expected no two encodings of one name");
  }
}

/** Clients train in one WebAssembly memory, and code vectors in another. */
const mostMemoryBytes = 2 ** 32;

/** @throws ShoalError invalid_job - for a model that no device could hold, on which a run would wait for ever */
function checkDevices({ local, up }: NonNullable<JobSpec["federated"]>, model: JobSpec["model"]): void {
  const spec = parseModelSpec(model);
  const { size, segments } = layoutOf(spec);
  const sent = sharedKeys(size, personalSpans(segments, local.personal)).count;
  // A client with one sample has the smallest batch where all are one.
  const trainer = trainerBytes({ size, planBytes: planBytes(spec, batchOf(local, 1)) }, local);
  const bytes = Math.max(trainer, codecBytes({ size: sent, up }));
  if (bytes <= mostMemoryBytes) return;
  const sentence = `expected a model and batches that clients can train in ${mostMemoryBytes} bytes, these take ${bytes}`;
  reject("job.model", sentence);
}

/** What clients do and what is promised of them. */
function checkClients(federated: NonNullable<JobSpec["federated"]>): void {
  const { local, aggregation, maximumStaleness, privacy } = federated;
  const policy = parseAggregationPolicy(aggregation);
  const { name } = policy;
  if (maximumStaleness > 0 && arrivalOf(policy) === "round") {
    const sentence = `expected 0 with ${name}, whose contributions all begin with the same values; fedbuff takes older ones`;
    reject("job.federated.maximumStaleness", sentence);
  }
  if (name === "fednova" && local.momentum > 0 && local.proximal > 0) {
    reject("job.federated.local", "expected momentum or a proximal term with fednova, not both");
  }
  if (name === "fednova" && local.proximal * local.learningRate >= 1) {
    const sentence =
      "expected less than 1/learningRate with fednova: a greater pull overshoots, and steps add up to nothing";
    reject("job.federated.local.proximal", sentence);
  }
  if (privacy !== null) checkPromise(parsePrivacy(privacy), federated);
}

type Promised = ReturnType<typeof parsePrivacy>;

/** What is promised holds for all that leaves a client, or for nothing. */
function checkPromise(promise: Promised, federated: NonNullable<JobSpec["federated"]>): void {
  const { aggregation, robust, minimum, normBound, evaluatesOnClients, overSelection, rounds } = federated;
  const policy = parseAggregationPolicy(aggregation);
  const { name } = policy;
  if (evaluatesOnClients && promise.epsilon !== null) {
    const sentence = "expected false with a promise of epsilon, which what clients measure would not be counted in";
    reject("job.federated.evaluatesOnClients", sentence);
  }
  if (promise.name === "local" && (name === "fednova" || name === "qfedavg")) {
    const sentence = `expected fedavg, fedbuff or fedasync with local privacy: ${name} asks clients for what is not hidden`;
    reject("job.federated.aggregation", sentence);
  }
  if (promise.name === "local") checkLocal(promise);
  if (promise.name !== "central") return;
  if (normBound !== null) {
    const sentence = "expected null with central privacy, which clips: who is refused for its norm would tell of it";
    reject("job.federated.normBound", sentence);
  }
  if (promise.population !== null && promise.draw === "poisson" && minimum !== null) {
    const sentence =
      "expected nothing with a poisson draw, whose rounds take what comes: that too few came would tell of them";
    reject("job.federated.minimum", sentence);
  }
  if (name !== "fedavg" || robust !== null) {
    const sentence = `expected aggregation by fedavg and no robust rule with central privacy, where all clients count alike`;
    reject("job.federated.privacy", sentence);
  }
  const { invited } = crowdOf("round", goalOf(policy), overSelection);
  const drawn = mostDrawn(promise, { rounds, invited, goal: goalOf(policy) });
  if (drawn > mostHeld) {
    reject("job.federated.overSelection", `coins for ${invited} clients may name ${drawn}, at most ${mostHeld}`);
  }
}

/** That there is noise for it, and that one contribution is within the budget. */
function checkLocal(promise: Extract<Promised, { readonly name: "local" }>): void {
  try {
    planLocalPrivacy(promise);
  } catch (error) {
    reject("job.federated.privacy", error instanceof Error ? error.message : String(error));
  }
}

/** Clients that a round with central privacy may have. */
function mostDrawn(promise: Extract<Promised, { readonly name: "central" }>, rounds: CentralRounds): number {
  try {
    const { coins } = planCentralPrivacy(promise, rounds);
    return coins === undefined ? 0 : mostByCoins(coins);
  } catch (error) {
    return reject("job.federated.privacy", error instanceof Error ? error.message : String(error));
  }
}

/** Masked updates cannot be looked at, only their sum: what judges or weighs single ones does not go with them. */
function checkSecureSums(federated: NonNullable<JobSpec["federated"]>, model: JobSpec["model"]): void {
  const { privacy, aggregation, robust, normBound, up, minimum, overSelection, rounds } = federated;
  const spec = parsePrivacy(privacy);
  if (spec.name !== "secure_sum") return;
  const policy = parseAggregationPolicy(aggregation);
  const masked = "with secure sums, whose masked updates nobody can look at";
  if (policy.name !== "fedavg") reject("job.federated.aggregation", `expected fedavg ${masked}; got ${policy.name}`);
  if (aggregation["examples"] !== undefined) {
    reject("job.federated.aggregation.examples", `expected nothing ${masked}: job.federated.privacy.weightCap says it`);
  }
  if (robust !== null) reject("job.federated.robust", `expected null ${masked}`);
  if (normBound !== null) reject("job.federated.normBound", `expected null ${masked}: clients clip them`);
  if (up.length !== 1 || up[0]?.["name"] !== "float32") {
    reject("job.federated.up", `expected nothing ${masked}: job.federated.privacy.levels says how they are quantised`);
  }
  const goal = goalOf(policy);
  const { size } = layoutOf(parseModelSpec(model));
  try {
    planSecureSum(spec, { size, rounds, minimum: minimum ?? goal, invited: Math.ceil(goal * overSelection) });
  } catch (error) {
    reject("job.federated.privacy", error instanceof Error ? error.message : String(error));
  }
}

function reject(field: string, sentence: string): never {
  throw new ShoalError("invalid_job", `${field}: ${sentence}`, { field });
}
