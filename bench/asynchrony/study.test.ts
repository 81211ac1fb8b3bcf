import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateDigits } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { aimRows } from "./aims.ts";
import { keyOf, rules, type Cell, type CellResult, type RuleName } from "./cell.ts";
import { cellsOf, fullScale, shortScale } from "./grid.ts";
import { playCell } from "./play.ts";
import { playCells } from "./play-cells.ts";
import { renderPlot } from "./plot.ts";
import { openResults } from "./results-file.ts";
import { createStudySite } from "./site.ts";
import { groupsOf, type Played } from "./summary.ts";
import { renderTables } from "./tables.ts";

const dataset = generateDigits({ samples: 400, testSamples: 100 });
const site = await createStudySite(dataset);

const cell: Cell = {
  model: "mlp",
  workers: 3,
  rule: "inverse",
  pace: "random",
  seed: 1,
  updates: 60,
  batchSize: 8,
  optimizer: { name: "sgd", learningRate: 0.05 },
  lambda: null,
};

const result: CellResult = {
  finalError: 0.03,
  stepsToAim: 40,
  steps: 50,
  meanStaleness: 2,
  maximumStaleness: 4,
  diverged: false,
  curve: [],
};

/** Every cell of a scale, as if it had been played: without a rule and with many workers there are errors only. */
function pretend(scale = fullScale): readonly Played[] {
  return cellsOf(scale).map((studied) => {
    const fails = studied.cell.rule === "none" && studied.cell.workers > 1;
    return { ...studied, result: fails ? { ...result, finalError: 0.9, stepsToAim: null } : result };
  });
}

describe("a cell", () => {
  it("gives the same result whenever and wherever it is played", async () => {
    const here = await playCell(cell, site);
    expect(here.meanStaleness).toBeGreaterThan(1);
    expect(await playCell(cell, site)).toEqual(here);
    const elsewhere: CellResult[] = [];
    await playCells([{ cell }, { cell }, { cell }, { cell }], dataset, 2, (_, played) => elsewhere.push(played));
    expect(elsewhere).toEqual([here, here, here, here]);
  });

  it("is the same for one worker whatever the rule: it is never stale", async () => {
    const alone = { ...cell, workers: 1, pace: "equal" } as const;
    const plain = await playCell({ ...alone, rule: "none" }, site);
    expect(plain).toMatchObject({ steps: 60, maximumStaleness: 0 });
    for (const rule of Object.keys(rules) as RuleName[])
      expect(await playCell({ ...alone, rule }, site)).toEqual(plain);
  });

  it("ends where numbers are not finite any more, and gives back its memory", async () => {
    const before = site.memory.allocatedBytes;
    const optimizer = { name: "sgd", learningRate: 1e30 } as const;
    expect(await playCell({ ...cell, optimizer }, site)).toMatchObject({ diverged: true, finalError: 0.9 });
    expect(site.memory.allocatedBytes).toBe(before);
  });
});

describe("the study", () => {
  it("has no cell twice", () => {
    for (const scale of [shortScale, fullScale]) {
      const cells = cellsOf(scale);
      expect(new Set(cells.map((studied) => keyOf(studied.cell))).size).toBe(cells.length);
    }
  });

  it("finds results again after a kill in the middle of a line, for the same data only", () => {
    const folder = mkdtempSync(join(tmpdir(), "shoal-study-"));
    const file = join(folder, "deep/results.jsonl");
    openResults(file, "digits").add(cell, result);
    appendFileSync(file, '{"data":"digits","ce');
    const shuffled = Object.fromEntries(Object.entries(cell).toReversed()) as unknown as Cell;
    expect(openResults(file, "digits").find(shuffled)).toEqual(result);
    expect(openResults(file, "digits").find({ ...cell, seed: 2 })).toBeUndefined();
    expect(openResults(file, "mnist").find(cell)).toBeUndefined();
    rmSync(folder, { recursive: true });
  });

  it("says what it has to show, and only what it has cells for", () => {
    const rows = aimRows(groupsOf(pretend()));
    expect(rows.map(({ met }) => met)).toEqual([
      ...Array.from({ length: 8 }, () => true),
      ...[true, undefined, true, undefined, true, undefined],
    ]);
    expect(aimRows(groupsOf(pretend(shortScale)))).toHaveLength(12);
    expect(aimRows([])).toEqual([]);
  });

  it("tells seeds' spread, times and failures in its tables, one a part and pace", () => {
    const played = pretend({ ...shortScale, workers: [1, 8], seeds: [1] });
    const alone = played.filter(({ part, cell: { workers } }) => part === "rules" && workers === 1);
    const worse = alone.map((one) => ({ ...one, result: { ...result, finalError: 0.05, stepsToAim: null } }));
    const tables = renderTables(groupsOf([...played, ...worse]));
    expect(tables).toContain("| 1 | 4.0 % (3.0–5.0) |");
    expect(tables).toContain("| 8 | 90.0 % (90.0–90.0) | 3.0 % (3.0–3.0), 40 steps |");
    expect(tables.match(/\| workers/g)).toHaveLength(6);
  });

  it("tells what a learning rate does to one worker and to 30", () => {
    const played = pretend({ ...fullScale, workers: [1, 30], rates: [0.1], seeds: [1], networkWorkers: [] });
    const tables = renderTables(groupsOf(played));
    expect(tables).toContain("| 0.1 | 3.0 % (3.0–3.0), 40 steps | 90.0 % (90.0–90.0) | 3.0 % (3.0–3.0), 40 steps |");
    expect(tables).toContain("| 0.3 | 3.0 % (3.0–3.0), 40 steps | 90.0 % (90.0–90.0) | 3.0 % (3.0–3.0), 40 steps |");
  });

  it("misses its aims where many workers learn without a rule, or worse with the default than one", () => {
    const alike = (finalError: number): readonly unknown[] =>
      aimRows(groupsOf(pretend().map((one) => ({ ...one, result: { ...result, finalError } }))))
        .filter(({ name }) => name.includes("30 workers"))
        .map(({ met }) => met);
    expect(alike(0.03)).toEqual([false, true, false, true]);
    const worse = pretend().map((one) => {
      const { rule } = one.cell;
      return {
        ...one,
        result: { ...one.result, finalError: rule === "inverse" || rule === "DC-ASGD-a" ? 0.95 : 0.03 },
      };
    });
    const missed = aimRows(groupsOf(worse)).filter(({ met }) => met === false);
    expect(missed.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["MLP, 30 workers, inverse", "8 workers, rate .1, DC-ASGD-a"]),
    );
  });

  it("draws a line a rule in each panel, of MLP and CNN", () => {
    const picture = renderPlot(groupsOf(pretend()));
    expect(picture.match(/<g stroke/g)).toHaveLength(2 * (Object.keys(rules).length + 2));
    expect(picture).not.toContain("NaN");
  });
});
