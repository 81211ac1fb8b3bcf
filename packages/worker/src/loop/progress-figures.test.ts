import { describe, expect, it } from "vitest";
import { addMeasured, noFigures } from "./progress-figures.ts";

describe("progress figures", () => {
  it("weigh the loss by samples and count one staleness for each applied push", () => {
    const first = addMeasured(noFigures, {
      clock: 1,
      loss: 2,
      samples: 30,
      computeMs: 5,
      replies: [
        { type: "push_applied", version: 4, staleness: 1 },
        { type: "push_applied", version: 6, staleness: 3 },
      ],
    });
    const second = addMeasured(first, {
      clock: 2,
      loss: 5,
      samples: 10,
      waitMs: 7,
      replies: [
        { type: "push_duplicate", version: 5 },
        { type: "push_rejected", reason: "stale_clock", version: 6 },
      ],
    });
    expect(second).toEqual({
      clock: 2,
      loss: 2.75,
      firstLoss: 2,
      samples: 40,
      stalenessSum: 4,
      stalenessMax: 3,
      pushes: 2,
      computeMs: 5,
      waitMs: 7,
    });
  });

  it("have no loss without samples", () => {
    expect(addMeasured(noFigures, { clock: 3, loss: 0, samples: 0 })).toMatchObject({ clock: 3, loss: null });
  });
});
