/**
 * What this client's contributions to a task have told of it, with noise of its own: it believes nobody else's count.
 *
 *   ρ(α) = α/2 · Σ 1/z²,  z = σ/(2C) of each contribution
 *
 * so one number, the sum, stands for all contributions, whatever their noise. It is kept before a contribution leaves, in the
 * client's storage: a reload does not forget it, and one between the two counts a contribution that never left. Without a
 * storage it counts as long as the session lasts.
 *
 * Bounds  the newest `mostTasks` tasks.
 */
import { ShoalError } from "@shoal/errors";
import { emptyLedger, epsilonOf, spend, type PrivacyBudget, type TaskDescription } from "@shoal/federated";
import type { ClientStorage } from "../storage/client-storage.ts";
import type { SessionEvent } from "./session-event.ts";

export interface PrivacyAccount {
  /** Tells what is spent. @throws ShoalError privacy_budget_spent - one contribution more would pass what the task says, or the limit */
  check(): Promise<void>;
  /** Settles when a contribution more is kept, and tells it. @throws ShoalError as `check` */
  spend(): Promise<void>;
}

export interface PrivacyAccountOptions {
  readonly task: Pick<TaskDescription, "task" | "privacy">;
  readonly storage: ClientStorage;
  /** Of the client's own; undefined: what the task says is enough. */
  readonly limit: PrivacyBudget | undefined;
  readonly tell: (event: SessionEvent) => void;
}

interface Spent {
  readonly task: string;
  readonly contributions: number;
  /** Σ 1/z²; infinite after a contribution without a norm. */
  readonly sum: number;
}

/** As JSON has it: what is infinite is null. */
type Kept = Omit<Spent, "sum"> & { readonly sum: number | null };

const key = "carried/privacy";
export const mostTasks = 64;
/** Where neither the task nor a limit says at which δ. */
const usualDelta = 1e-5;
/** Another order of additions than the aggregator's must not end a run one contribution early. */
const rounding = 1 + 1e-9;

/** @throws ShoalError invalid_argument - the limit is none */
export function createPrivacyAccount({ task, storage, limit, tell }: PrivacyAccountOptions): PrivacyAccount {
  const { clip, localNoise, local } = task.privacy;
  checkLimit(limit);
  const delta = local?.delta ?? limit?.delta ?? usualDelta;
  // Without a norm any two updates are as far apart as they like.
  const each = clip === null ? Infinity : ((2 * clip) / localNoise) ** 2;
  const withOneMore = async (): Promise<{ readonly before: Spent; readonly after: Spent }> => {
    const before = (await read(storage)).find((known) => known.task === task.task) ?? nothing(task.task);
    const after = { ...before, contributions: before.contributions + 1, sum: before.sum + each };
    const budgets = [
      { whose: "the task's budget", epsilon: local?.budget ?? Infinity, delta },
      { whose: "this client's limit", epsilon: limit?.epsilon ?? Infinity, delta: limit?.delta ?? delta },
    ];
    for (const { whose, ...budget } of budgets) checkBudget(after, budget, whose);
    return { before, after };
  };
  const say = ({ contributions, sum }: Spent): void =>
    tell({ type: "privacy_spent", contributions, epsilon: epsilonAt(sum, delta), delta });
  return {
    check: async () => say((await withOneMore()).before),
    async spend() {
      const { after } = await withOneMore();
      const others = (await read(storage)).filter((known) => known.task !== task.task);
      await storage.set(key, new TextEncoder().encode(JSON.stringify([...others, after].slice(-mostTasks))));
      say(after);
    },
  };
}

function checkLimit(limit: PrivacyBudget | undefined): void {
  if (limit === undefined || (limit.epsilon > 0 && limit.delta > 0 && limit.delta < 1)) return;
  const sentence = `privacyLimit: expected epsilon > 0 and 0 < delta < 1, got ${limit.epsilon} and ${limit.delta}`;
  throw new ShoalError("invalid_argument", sentence, { field: "privacyLimit" });
}

function nothing(task: string): Spent {
  return { task, contributions: 0, sum: 0 };
}

function checkBudget({ sum, contributions }: Spent, { epsilon, delta }: PrivacyBudget, whose: string): void {
  const wouldBe = epsilonAt(sum, delta);
  if (wouldBe <= epsilon * rounding) return;
  const sentence = `contribution ${contributions} of this client would bring ε to ${wouldBe.toFixed(4)} at δ = ${delta}, above ${whose} of ${epsilon}`;
  throw new ShoalError("privacy_budget_spent", sentence, { epsilon, wouldBe });
}

/** Many releases with Gaussian noise are one with less. */
function epsilonAt(sum: number, delta: number): number {
  if (sum === 0) return 0;
  const mechanism = { noiseMultiplier: 1 / Math.sqrt(sum), samplingRate: 1, sampling: "none" } as const;
  return epsilonOf(spend(emptyLedger(), mechanism), delta).epsilon;
}

/** What another release has written is taken as nothing. JSON and not `encodePlainData`, which would part from what is loaded first. */
async function read(storage: ClientStorage): Promise<readonly Spent[]> {
  const bytes = await storage.get(key);
  try {
    const kept: unknown = bytes === undefined ? [] : JSON.parse(new TextDecoder().decode(bytes));
    if (!Array.isArray(kept)) return [];
    return (kept as readonly Kept[]).map((spent): Spent => ({ ...spent, sum: spent.sum ?? Infinity })).filter(isSpent);
  } catch {
    return [];
  }
}

function isSpent({ task, contributions, sum }: Spent): boolean {
  return typeof task === "string" && Number.isSafeInteger(contributions) && sum >= 0;
}
