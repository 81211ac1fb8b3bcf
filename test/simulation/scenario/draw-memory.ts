/** Draws clusters whose primaries answer before their replicas have heard, and die. */
import type { Random } from "@shoal/actors";
import { badData, settings } from "./conditions.ts";
import { drawConsistency, drawTrouble, lateJoiners, outlineJob } from "./outline.ts";
import type { Mishap, Scenario } from "./scenario.ts";

/** Messages within which training takes place, about. */
const lastMessage = 420;

export function drawMemory(name: string, random: Random): Scenario {
  const consistency = drawConsistency(random);
  const slots = consistency.mode === "synchronous" ? 1 + random.integer(2) : 1;
  const [workers, servers] = [2, 3];
  const job = outlineJob({
    ...{ consistency, slots: consistency.mode === "synchronous" ? slots : null, epochs: 2 },
    durability: { replicas: 1, acknowledge: "memory" },
    seed: random.integer(1000),
  });
  const deaths = Array.from({ length: 1 + random.integer(2) }, () => drawDeath(random, servers));
  return {
    ...{ name, job, slots, samples: 24, servers, workers, settings },
    coordinators: 1,
    ...{ ...drawTrouble(random), data: badData },
    mishaps: [...deaths.flat(), ...lateJoiners(workers)],
    limitMs: 60_000,
  };
}

/** A server dies, as often as not soon after it was cut off from those who follow it. */
function drawDeath(random: Random, servers: number): Scenario["mishaps"] {
  const node = `server-${1 + random.integer(servers)}`;
  const at = 120 + random.integer(lastMessage);
  const silent = random.uniform() < 0.5;
  const death: Mishap = { kind: "crash", node, silent, backAfterMs: 200 + random.integer(1_000) };
  if (random.uniform() < 0.5) return [{ when: { atMessage: at }, mishap: death }];
  const right = Array.from({ length: servers }, (_, index) => `server-${index + 1}`).filter((other) => other !== node);
  const cut: Mishap = { kind: "partition", planes: ["data"], left: [node], right, oneWay: false, forMs: 2_000 };
  return [
    { when: { atMessage: at }, mishap: cut },
    { when: { atMessage: at + 5 + random.integer(40) }, mishap: death },
  ];
}
