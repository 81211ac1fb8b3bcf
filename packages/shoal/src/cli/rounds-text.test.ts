import { mkdtempSync, rmSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainedRound, RoundRecord } from "@shoal/aggregator";
import { appendRecord, chainStart } from "@shoal/federated";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lookForKept } from "../federated/kept-record.ts";
import { createRoundFile, readRounds, verifyRounds } from "../federated/round-file.ts";
import { createOutput } from "./output.ts";
import { sayRound } from "./round-timeline.ts";
import { sayRounds } from "./rounds-text.ts";

const body = (round: number, given: Partial<RoundRecord> = {}): RoundRecord => ({
  ...{ run: "r", round, step: round - 1, outcome: "committed", reason: "all came", version: round, samples: 30 },
  phases: [
    { phase: "selecting", atMs: 1_000 },
    { phase: "committed", atMs: 3_500 },
  ],
  ...{ asked: { count: 2, list: ["a", "b"] }, dropped: { count: 0, list: [] }, contributed: { count: 2, list: [] } },
  ...{ trainingLoss: 0.5, testLoss: null, testAccuracy: 0.91, bytesDown: 2_000_000, bytesUp: 12, epsilon: null },
  ...{ measuredByClients: null, ledger: null, hash: "" },
  ...given,
});
function chain(...bodies: readonly RoundRecord[]): readonly ChainedRound[] {
  let head = chainStart;
  return bodies.map((each) => {
    const next = appendRecord(head, each);
    ({ head } = next);
    return next.record;
  });
}

describe("rounds in words", () => {
  it("are a table, and below it who is missing and why", () => {
    let text = "";
    const output = createOutput(false, { write: (each) => (text += each) });
    const list = [{ client: "b", reason: "it did not answer in time", atMs: 2_000 }];
    const lost = body(2, {
      outcome: "abandoned",
      reason: "too few",
      dropped: { count: 3, list },
      trainingLoss: null,
      phases: [],
    });
    sayRounds(chain(body(1), lost), output);
    expect(text.split("\n")).toEqual([
      "round  outcome    took   asked  dropped  gave  loss    accuracy  down    up    ε",
      "1      committed  2.5 s  2      0        2     0.5000  91.00 %   2.0 MB  12 B  –",
      "2      abandoned  –      2      3        2     –       91.00 %   2.0 MB  12 B  –",
      "round 2 abandoned: too few",
      "round 2 without b: it did not answer in time",
      "round 2 without 2 more",
      "",
    ]);
  });

  it("name so many of those who left a large round as one can read", () => {
    let text = "";
    const list = Array.from({ length: 70 }, (_, index) => ({ client: `c${index}`, reason: "it left", atMs: 2_000 }));
    sayRounds(
      chain(body(1, { dropped: { count: 70, list } })),
      createOutput(false, { write: (each) => (text += each) }),
    );
    expect(text.split("\n").slice(2).at(63)).toBe("round 1 without c63: it left");
    expect(text.split("\n").slice(66)).toEqual(["round 1 without 6 more", ""]);
  });

  it("say what clients measured, where they did", () => {
    let text = "";
    const output = createOutput(false, { write: (each) => (text += each) });
    const measuredByClients = { clients: 12, loss: 0.4, accuracy: 0.875 };
    sayRounds(chain(body(1), body(2, { measuredByClients })), output);
    expect(text.split("\n").slice(0, 3)).toEqual([
      "round  outcome    took   asked  dropped  gave  loss    accuracy  on clients     down    up    ε",
      "1      committed  2.5 s  2      0        2     0.5000  91.00 %   –              2.0 MB  12 B  –",
      "2      committed  2.5 s  2      0        2     0.5000  91.00 %   87.50 % of 12  2.0 MB  12 B  –",
    ]);
  });

  it("are shown one by one: what happened when, who was selected, gave and left", () => {
    let text = "";
    const phases = [
      { phase: "selecting", atMs: 1_000 },
      { phase: "reporting", atMs: 1_200 },
      { phase: "carried_over", atMs: 4_000 },
    ];
    const dropped = { count: 1, list: [{ client: "b", reason: "it left: bye", atMs: 3_100 }] };
    const given = { contribution: "", samples: 60, loss: 0.25, bytes: 2_048 };
    const list = [
      { client: "a", baseRound: 3, ...given },
      { client: "c", baseRound: 2, ...given },
    ];
    const record = body(3, { outcome: "carried_over", reason: "too few", phases, dropped });
    const output = createOutput(false, { write: (each) => (text += each) });
    sayRound({ ...record, asked: { count: 9, list: ["a", "b"] }, contributed: { count: 2, list } }, output);
    expect(text.split("\n")).toEqual([
      "round 3, carried over: too few",
      "     +0.0 s  selecting",
      "     +0.2 s  reporting",
      "     +2.1 s  without b: it left: bye",
      "     +3.0 s  carried over",
      "  selected  a, b, 7 more",
      "  gave      a (60 samples, loss 0.2500, 2.0 kB), c (60 samples, loss 0.2500, 2.0 kB, for round 2)",
      "",
    ]);
  });

  it("are found to be changed, left out or moved", () => {
    const rounds = chain(body(1), body(2), body(3));
    expect(verifyRounds(rounds)).toMatchObject({ kind: "intact" });
    expect(verifyRounds(rounds.slice(1))).toMatchObject({ kind: "intact" });
    const gap = verifyRounds([rounds[0], rounds[2]] as ChainedRound[]);
    expect(gap).toMatchObject({ kind: "broken", index: 1 });
    expect(gap.reason).toMatch(/^record 1 is not here: .* log of another machine/);
    const other = chain(body(1), body(5))[1] as ChainedRound;
    const fork = verifyRounds([...rounds.slice(0, 2), other, ...rounds.slice(2)]);
    expect(fork).toMatchObject({ kind: "broken", index: 2 });
    expect(fork.reason).toMatch(/^there are two records 1: .* the run went on from record 0/);
    const changed = rounds.with(0, { ...(rounds[0] as ChainedRound), body: body(1, { samples: 31 }) });
    expect(verifyRounds(changed)).toMatchObject({ kind: "broken", index: 1 });
  });

  it("are found to be cut off, or written anew, by who has kept the hash of the last one, and by nobody else", () => {
    const rounds = chain(body(1), body(2), body(3));
    const whole = verifyRounds(rounds);
    const kept = whole.kind === "intact" ? whole.head.hash : "";
    const look = (records: readonly ChainedRound[]) => lookForKept(records, verifyRounds(records), kept);
    for (const from of [0, 1]) {
      expect(look(rounds.slice(from))).toMatchObject({ kind: "intact" });
      expect(verifyRounds(rounds.slice(from, 2))).toMatchObject({ kind: "intact" });
      expect(look(rounds.slice(from, 2))).toMatchObject({ kind: "broken", index: 1 - from });
    }
    expect(look(chain(body(1), body(2), body(3), body(4)))).toMatchObject({ kind: "intact" });
    expect(look(chain(body(1, { samples: 31 }), body(2), body(3)))).toMatchObject({ kind: "broken" });
    expect(look([])).toMatchObject({ kind: "broken" });
  });
});

describe("the file of rounds", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shoal-rounds-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("holds each round once, in order, whoever wrote it, and no line that a crash cut off", async () => {
    const rounds = chain(body(1), body(2));
    const notes: string[] = [];
    const [one, other] = [
      createRoundFile(folder, (note) => notes.push(note)),
      createRoundFile(folder, () => undefined),
    ];
    one.append("r", rounds[0] as ChainedRound);
    await expect.poll(() => readRounds(folder, "r").catch(() => [])).toHaveLength(1);
    other.append("r", rounds[0] as ChainedRound);
    other.append("r", rounds[1] as ChainedRound);
    await expect.poll(() => readRounds(folder, "r")).toHaveLength(2);
    appendFileSync(join(folder, "r", "rounds.jsonl"), '{"sequence":3,"bo');
    // Nor what is no record at all, whoever wrote that.
    appendFileSync(join(folder, "r", "rounds.jsonl"), '\nnull\n7\n{"sequence":9}\n');
    expect(await readRounds(folder, "r")).toEqual(rounds);
    const third = chain(body(1), body(2), body(3))[2] as ChainedRound;
    other.append("r", third);
    await expect.poll(() => readRounds(folder, "r")).toEqual([...rounds, third]);
    expect(notes).toEqual([]);
  });

  it("is continued by whoever finds it, unless it was changed", async () => {
    const file = createRoundFile(folder, () => undefined);
    expect(await file.last("r")).toBeUndefined();
    const rounds = chain(body(1), body(2));
    for (const round of rounds) file.append("r", round);
    expect(await file.last("r")).toEqual(rounds[1]);
    // Record 2 stands on the machine that had taken over for a while.
    const [, , , fourth, fifth] = chain(body(1), body(2), body(3), body(4), body(5));
    file.append("r", fourth as ChainedRound);
    file.append("r", fifth as ChainedRound);
    expect(await file.last("r")).toEqual(fifth);
    file.append("r", { ...(fifth as ChainedRound), sequence: 5 });
    await expect(file.last("r")).rejects.toMatchObject({ code: "data_corrupt" });
  });

  it("says where it has looked", async () => {
    await expect(readRounds(folder, "none")).rejects.toMatchObject({ code: "run_not_found" });
  });
});
