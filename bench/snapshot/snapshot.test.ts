import { expect, it } from "vitest";
import { benchmark } from "./index.ts";

it("measures how long shards stand still, and how fast they are written", async () => {
  const report = await benchmark.run({ say: () => undefined, now: () => performance.now(), short: true });
  expect(report.rows.length).toBe(4);
  for (const { name, value } of report.rows) expect(value, name).toBeGreaterThan(0);
  // Of 1 M parameters: a hundredth of what 200 ms must be enough for, and room for a busy machine.
  const pause = report.rows.find(({ name }) => name.includes("stands still"));
  expect(pause?.value).toBeLessThan(200);
}, 60_000);
