/** Rounds in which some clients lie, put together by a robust rule behind the admission of every round. */
import {
  combineRobustly,
  decideAdmission,
  parseRobustRule,
  sourceOf,
  type ResolvedRobustRule,
  type RobustRule,
} from "@shoal/federated";
import type { ClientPool } from "../fedavg/client-pool.ts";
import { taskOf, type Federation } from "../fedavg/federation.ts";
import type { Judge } from "../fedavg/judge.ts";
import { attackedUpdate, type AttackName } from "./attacks.ts";

export interface Defence {
  readonly attack: AttackName;
  readonly rule: RobustRule;
  /** The first so many clients lie. */
  readonly liars: number;
  readonly rounds: number;
}

export interface Defended {
  /** After the last round. */
  readonly accuracy: number;
  /** Updates that admission refused, in all rounds. */
  readonly refused: number;
}

/** All clients take part in every round; what is not finite is refused before the rule sees it. */
export async function playDefence(
  federation: Federation,
  { attack, rule, liars, rounds }: Defence,
  pool: ClientPool,
  judge: Judge,
): Promise<Defended> {
  const parameters = judge.initial(federation.seed);
  const limits = { size: parameters.length, normBound: Infinity, sampleCap: 10_000 };
  const update = new Float32Array(parameters.length);
  let refused = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const tasks = federation.partition.map((_, client) => ({
      ...taskOf(federation, round, client, parameters),
      flipped: attack === "label flip" && client < liars,
    }));
    const trained = await pool.train(tasks);
    const sent = trained.map(({ update: honest }, client) =>
      client < liars ? attackedUpdate(attack, honest, `${federation.seed}/${round}/${client}`) : honest,
    );
    const admitted = sent.filter(
      (values, k) => decideAdmission(values, trained[k]?.samples ?? 0, limits).kind === "admit",
    );
    const lost = sent.length - admitted.length;
    refused += lost;
    const from = update.slice();
    await combineRobustly(withoutRefused(parseRobustRule(rule), lost), sourceOf(admitted), update, { from });
    for (let key = 0; key < update.length; key += 1) parameters[key] = (parameters[key] ?? 0) + (update[key] ?? 0);
  }
  return { accuracy: judge.accuracy(parameters), refused };
}

/** Who was refused cannot lie any more: the rule has as many fewer to fear. */
function withoutRefused(rule: ResolvedRobustRule, refused: number): ResolvedRobustRule {
  return "byzantine" in rule ? { ...rule, byzantine: Math.max(0, rule.byzantine - refused) } : rule;
}
