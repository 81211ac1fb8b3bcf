/** How full the mailboxes of a node are (names and units: `protocol/src/metrics.ts`). */
import { metrics, type BatchObservableResult } from "@opentelemetry/api";
import type { ActorSystem } from "@shoal/actors";
import { attributes, meterName, metricDefinitions } from "@shoal/protocol";

/** Looks into the mailboxes whenever metrics are read; with the provider that is installed now. @returns ends it */
export function observeMailboxes(system: Pick<ActorSystem, "node" | "mailboxes">): () => void {
  const meter = metrics.getMeter(meterName);
  const { mailboxDepth, mailboxAge } = metricDefinitions;
  const depth = meter.createObservableGauge(mailboxDepth.name, mailboxDepth);
  const age = meter.createObservableGauge(mailboxAge.name, mailboxAge);
  const look = (result: BatchObservableResult): void => {
    const reports = system.mailboxes();
    const node = { [attributes.node]: system.node };
    const waiting = reports.reduce((sum, report) => sum + report.depth, 0);
    const oldestMs = reports.reduce((most, report) => Math.max(most, report.oldestMs), 0);
    result.observe(depth, waiting, node);
    result.observe(age, oldestMs / 1000, node);
  };
  meter.addBatchObservableCallback(look, [depth, age]);
  return () => meter.removeBatchObservableCallback(look, [depth, age]);
}
