import { expect, it } from "vitest";
import { edgeFingerprint, fingerprint, runEdgeScenario } from "../support/edge-scenario.ts";

it("trains generated digits in the page to the same bits as Node does", async () => {
  const { update, samples, loss } = await runEdgeScenario();
  expect(samples).toBe(600);
  expect(loss).toBeLessThan(1.5);
  expect(fingerprint(update)).toBe(edgeFingerprint);
});
