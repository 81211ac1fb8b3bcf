/** One secure sum: what is known of it, and what it waits for. */
import { counted } from "@shoal/errors";
import type { Timer } from "@shoal/actors";
import { secureSumWaitsFor, settingsOfSum, startSecureSum, type ServerState } from "@shoal/federated";
import type { SecureAggregation } from "../settings.ts";
import { createMaskedSum, type MaskedSum } from "./masked-sum.ts";

export interface Sitting {
  readonly round: number;
  readonly agreed: ReturnType<typeof settingsOfSum>;
  readonly sum: MaskedSum;
  /** Contributions whose vectors are in the sum, by client. */
  readonly added: Map<string, string>;
  state: ServerState;
  timer: Timer | undefined;
  /** When no vector could come any more, clock time. */
  maskedAtMs: number | undefined;
  /** Settles when the round's price in privacy is in the store: before that nobody is asked for what takes masks off. */
  paying: Promise<void> | undefined;
  isPaid: boolean;
  /** [size] float32, when the masks are off. */
  mean: Float32Array | undefined;
}

export interface SittingFacts {
  readonly task: string;
  readonly round: number;
  readonly size: number;
  /** Clients that take part. */
  readonly invited: number;
  readonly nowMs: number;
}

export function startSitting(settings: SecureAggregation, facts: SittingFacts): Sitting {
  const { task, round, size, invited, nowMs } = facts;
  const agreed = settingsOfSum(settings.task, task, round);
  const { stageTimeoutMs, maskingTimeoutMs } = settings;
  return {
    ...{ round, agreed, sum: createMaskedSum(size, agreed.lattice), added: new Map() },
    state: startSecureSum({ ...agreed, invited, stageTimeoutMs, maskingTimeoutMs }, nowMs),
    ...{ timer: undefined, maskedAtMs: undefined, paying: undefined, isPaid: false, mean: undefined },
  };
}

/** Who is in the sum still, by name; undefined while everybody may come, and when there is no sum any more. */
export function presentIn(state: ServerState): readonly string[] | undefined {
  const named = (indices: readonly number[], roster: readonly { readonly client: string }[]): readonly string[] =>
    indices.map((index) => roster[index]?.client ?? "");
  switch (state.phase) {
    case "advertising":
    case "aborted":
      return undefined;
    case "sharing":
      return state.roster.map(({ client }) => client);
    case "masking":
      return named(state.shared, state.roster);
    case "unmasking":
      return named(state.request.survivors, state.roster);
    case "summed":
      return state.survivors;
  }
}

/** What a stage waits for, as in "waits for …". */
const awaited = {
  advertising: "the keys",
  sharing: "the sealed shares",
  masking: "the masked updates",
  unmasking: "what takes the masks off",
} as const;

/** What the sum waits for, and for whom. @param named - lists names in a phrase */
export function describeSitting(
  { state, round }: Sitting,
  nowMs: number,
  named: (names: readonly string[]) => string,
): string {
  if (state.phase === "summed")
    return `round ${round}: takes the masks off the sum of ${state.survivors.length} clients`;
  if (state.phase === "aborted") return `round ${round}: its secure sum is over: ${state.reason}`;
  const left = `${Math.max(0, Math.round((state.deadlineMs - nowMs) / 1000))} s left`;
  const { invited } = state.plan;
  const names = secureSumWaitsFor(state);
  const whose =
    state.phase === "advertising"
      ? `of ${invited - state.keys.length} of ${counted(invited, "client")}`
      : `of ${names.length} of ${counted(presentIn(state)?.length ?? 0, "client")}${named(names)}`;
  return `round ${round}, ${state.phase}: waits for ${awaited[state.phase]} ${whose}, ${left}`;
}

/** Why somebody is left out when a stage ends without its message. */
export function silenceIn(phase: ServerState["phase"]): string {
  return phase in awaited ? `${awaited[phase as keyof typeof awaited]} did not come in time` : "it was left out";
}
