import { describe, expect, it } from "vitest";
import { addTraffic, noTraffic, trafficStatus } from "./traffic.ts";

const report = {
  pushedBefore: 4000,
  pushedAfter: 1000,
  pulledBefore: 4000,
  pulledAfter: 4000,
  errorSum: 0.02,
  errors: 2,
};

describe("the traffic of a run", () => {
  it("is told in bytes a second of the window while the run goes on, and of the whole run afterwards", () => {
    let traffic = noTraffic;
    for (let now = 1000; now <= 10_000; now += 500) traffic = addTraffic(traffic, report, now, 2000);
    expect(traffic.window.length).toBeLessThanOrEqual(5); // bounded by the window, not by the run
    // 4 reports within the 2 s before; 19 in the 10 s of the run.
    expect(trafficStatus(traffic, 0, null, 10_000, 2000)).toMatchObject({
      pushedBytesPerSecond: 2000,
      pulledBytesPerSecond: 8000,
    });
    const ended = trafficStatus(traffic, 0, 10_000, 99_000, 2000);
    expect(ended).toMatchObject({ pushedBytesPerSecond: 1900, total: { pushedBefore: 76_000, errors: 38 } });
  });

  it("is nothing before anything was moved", () => {
    expect(trafficStatus(addTraffic(noTraffic, undefined, 5, 10), 0, null, 5, 10)).toBeNull();
  });

  it("counts reports of the same moment together", () => {
    const traffic = addTraffic(addTraffic(noTraffic, report, 1000, 2000), report, 1050, 2000);
    expect(traffic.window).toEqual([{ atMs: 1000, pushed: 2000, pulled: 8000 }]);
  });
});
