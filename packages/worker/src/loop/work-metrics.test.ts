import { createSimulatedClock } from "@shoal/actors";
import { metricDefinitions } from "@shoal/protocol";
import { expect, it } from "vitest";
import { recordMetrics } from "../../../../test/support/recorded-metrics.ts";
import { createProgressReporter } from "./progress-reporter.ts";

it("a worker counts its samples and measures how long each batch took to compute", async () => {
  const recorded = recordMetrics();
  const clock = createSimulatedClock();
  const conversation = { reportProgress: () => Promise.resolve() };
  const reporter = createProgressReporter({ clock, conversation, signal: new AbortController().signal });
  reporter.add({ clock: 1, loss: 2, samples: 32, computeMs: 20, replies: [] });
  reporter.add({ clock: 2, loss: 1, samples: 8, computeMs: 5, replies: [] });
  reporter.add({ clock: 2, waitMs: 100 });
  expect(await recorded.values(metricDefinitions.samples)).toEqual({ "": 40 });
  expect(await recorded.histograms(metricDefinitions.computeDuration)).toMatchObject({
    "": { count: 2, sum: 0.025, min: 0.005, max: 0.02 },
  });
  await recorded.close();
});
