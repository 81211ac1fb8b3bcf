import { expect, it } from "vitest";
import { benchmark } from "./index.ts";

it("measures what a copy costs, waited for or not, in both modes", async () => {
  const turns = { rounds: 1, turnMs: 1 };
  const context = { say: () => undefined, now: () => performance.now(), short: true, turns };
  const report = await benchmark.run(context);
  for (const mode of ["synchronous", "asynchronous"]) {
    const rows = report.rows.filter(({ name }) => name.startsWith(mode));
    expect(rows.length).toBe(6);
    for (const { name, value, ratio = 1 } of rows) {
      expect(value, name).toBeGreaterThan(0);
      expect(ratio, name).toBeGreaterThan(0);
    }
  }
}, 60_000);
