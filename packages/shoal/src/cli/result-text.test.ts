import { describe, expect, it } from "vitest";
import { resultLines, shortResult } from "./result-text.ts";

describe("a result in words", () => {
  it("begins with the accuracy, which is not said twice", () => {
    const result = { accuracy: 0.9712, loss: 0.1, metrics: { accuracy: 0.9712, auc: 0.99 } };
    expect(shortResult(result)).toBe("97.12 %");
    expect(resultLines(result)).toEqual([
      ["test accuracy", "97.12 %   (loss 0.1000)"],
      ["test auc", "0.9900"],
    ]);
  });

  it("begins with the loss where answers are numbers, also when nothing was right by chance", () => {
    const result = { accuracy: 0, loss: 0.25, metrics: { mean_squared_error: 0.5, mean_absolute_error: 1e-7 } };
    expect(shortResult(result)).toBe("loss 0.2500");
    expect(resultLines(result)[0]).toEqual(["test loss", "0.2500"]);
    expect(resultLines(result)[2]).toEqual(["test mean_absolute_error", "1.000e-7"]);
    expect(shortResult({ accuracy: 0, loss: 1, metrics: { accuracy: 0 } })).toBe("0.00 %");
  });
});
