import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideGuard, type GuardDecision, type GuardWindow } from "./decide-guard.ts";
import { addLoss, emptyHistory, type LossHistory } from "./loss-history.ts";

/** The history of a loss that is reported after every fifth step. */
function historyOf(steps: number, lossAt: (step: number) => number): LossHistory {
  let losses = emptyHistory;
  for (let step = 5; step <= steps; step += 5) {
    losses = addLoss(losses, { loss: lossAt(step), first: lossAt(0), samples: 320 }, step);
  }
  return losses;
}

function decide(losses: LossHistory, change: Partial<GuardWindow> = {}): GuardDecision {
  return decideGuard({
    settings: { action: "stop", patience: 400 },
    losses,
    isUnruled: false,
    hasFallenBack: false,
    stalenessP95: 0,
    stalenessMean: 0,
    gradientNorm: 1,
    updateRatio: 0.01,
    learningRate: 0.5,
    ...change,
  });
}

const stale = { isUnruled: true, stalenessP95: 41 } as const;
const flat = historyOf(1000, (step) => 2.3 + 0.01 * Math.sin(step));
const grown = historyOf(200, (step) => (step < 100 ? 2.3 : 40));

describe("the guard of a run", () => {
  it("lets a run that learns go on, also an asynchronous one without a rule", () => {
    const learning = historyOf(2000, (step) => 2.3 * Math.exp(-step / 500));
    expect(decide(learning, stale).kind).toBe("go_on");
  });

  it("lets a run go on that has converged, or that got worse after it had learned", () => {
    expect(decide(historyOf(5000, (step) => 0.01 + 2.3 * Math.exp(-step / 50))).kind).toBe("go_on");
    expect(
      decide(
        historyOf(5000, (step) => (step < 2000 ? 2.3 - step / 1000 : 0.9)),
        stale,
      ).kind,
    ).toBe("go_on");
  });

  it("stops a run whose gradients are stale, that has no rule, and whose loss stays flat", () => {
    const { kind, reason } = decide(flat, stale);
    expect(kind).toBe("stop");
    expect(reason).toMatch(/^staleness p95 = 41 with no rule; loss flat for \d+ steps \(2\.3\d*, untrained 2\.3\)$/);
  });

  it("falls back once where the job allows it, and stops when that does not help", () => {
    const settings = { action: "fall_back", patience: 400 } as const;
    expect(decide(flat, { ...stale, settings }).kind).toBe("fall_back");
    const after = decide(flat, { ...stale, settings, hasFallenBack: true });
    expect(after.kind).toBe("stop");
    expect(after.reason).toContain("also with inverse weights");
  });

  it("only warns of a flat loss that nothing explains", () => {
    expect(decide(flat).kind).toBe("warn");
    expect(decide(flat, { isUnruled: true, stalenessP95: 2 }).kind).toBe("warn");
    expect(decide(flat, { updateRatio: 0.8 })).toMatchObject({ kind: "stop" });
    expect(decide(flat, { gradientNorm: 0 })).toMatchObject({ kind: "stop" });
  });

  it("waits for the whole patience before it calls a loss flat", () => {
    const short = historyOf(390, () => 2.3);
    expect(decide(short, stale).kind).toBe("go_on");
  });

  it("stops a run whose loss has grown tenfold, and says in how many steps", () => {
    const { kind, reason } = decide(grown);
    expect(kind).toBe("stop");
    expect(reason).toMatch(/the learning rate 0.5 may be too high; loss grew 17\.39× in 1\d\d steps \(2\.3 to 40\)/);
  });

  it("blames stale gradients also before the shards have been asked", () => {
    const { reason } = decide(grown, { isUnruled: true, stalenessMean: 25.8 });
    expect(reason).toMatch(/^staleness mean = 25\.8 with no rule; loss grew/);
  });

  it("does not take one bad batch for growth", () => {
    const spike = historyOf(200, (step) => (step === 150 ? 500 : 1));
    expect(decide(spike).kind).toBe("go_on");
  });

  it("falls back early when the loss of stale gradients grows", () => {
    const settings = { action: "fall_back", patience: 400 } as const;
    const threefold = historyOf(200, (step) => (step < 100 ? 2.3 : 8));
    expect(decide(threefold, { ...stale, settings }).kind).toBe("fall_back");
    expect(decide(threefold, stale).kind).toBe("go_on");
  });

  it("warns where it is told only to warn, and says nothing when it is off", () => {
    expect(decide(grown, { settings: { action: "warn", patience: 400 } }).kind).toBe("warn");
    expect(decide(grown, { settings: { action: "off", patience: 400 } }).kind).toBe("go_on");
  });

  it("says nothing of losses that are not above zero", () => {
    expect(decide(historyOf(2000, () => -3)).kind).toBe("go_on");
    expect(decide(emptyHistory).kind).toBe("go_on");
  });
});

describe("the history of losses", () => {
  it("covers all steps without gaps in at most 128 bins, and keeps the sums", () => {
    const reports = fc.array(fc.tuple(fc.nat(40), fc.double({ min: 0, max: 9, noNaN: true })), { maxLength: 900 });
    fc.assert(
      fc.property(reports, (given) => {
        let losses = emptyHistory;
        let step = 0;
        let sum = 0;
        for (const [steps, loss] of given) {
          step += steps;
          sum += loss;
          losses = addLoss(losses, { loss, first: loss, samples: 1 }, step);
        }
        expect(losses.bins.length).toBeLessThan(128);
        for (const [index, bin] of losses.bins.entries()) expect(bin.begin).toBe(losses.bins[index - 1]?.end ?? 0);
        // Sums in another order: 900 additions of numbers below 10.
        expect(losses.bins.reduce((all, bin) => all + bin.lossSum, 0)).toBeCloseTo(sum, 6);
      }),
    );
  });
});
