import { expect, it } from "vitest";
import type { BenchmarkContext } from "../frame/report.ts";
import { measureSubjects, subjects } from "./index.ts";

const turns = { rounds: 1, turnMs: 0.1 };
const context: BenchmarkContext = { say: () => undefined, now: () => performance.now(), turns };

it("measures a training step of every model, also where the peers are missing", async () => {
  const report = await measureSubjects(subjects, { kind: "missing", reason: "the registry is away" }, context);
  for (const { name } of subjects) {
    const rows = report.rows.filter((row) => row.name.startsWith(name));
    expect(rows.length, name).toBeGreaterThan(0);
    for (const row of rows) expect(row.value, row.name).toBeGreaterThan(0);
  }
}, 60_000); // it compiles every model
