/** Shows how rounds went: the newest figures, a chart, a list. */
import type { RoundSummary } from "@shoal/edge-client";
import { element } from "./element.ts";

const mostRows = 50;
const mostPoints = 500;
const chartWidth = 320;
const chartHeight = 120;

export interface RoundView {
  add(summary: RoundSummary): void;
}

export function createRoundView(): RoundView {
  const losses: (number | null)[] = [];
  const accuracies: (number | null)[] = [];
  const keep = (list: (number | null)[], value: number | null): void => {
    list.push(value);
    if (list.length > mostPoints) list.shift();
  };
  return {
    add(summary) {
      const { round, trainingLoss, testAccuracy, hash } = summary;
      keep(losses, trainingLoss);
      keep(accuracies, testAccuracy);
      element("round").textContent = String(round);
      if (trainingLoss !== null) element("loss").textContent = trainingLoss.toFixed(3);
      if (testAccuracy !== null) element("accuracy").textContent = percent(testAccuracy);
      draw("loss-line", losses, Math.max(...losses.map((loss) => loss ?? 0), Number.MIN_VALUE));
      draw("accuracy-line", accuracies, 1);
      const rows = element("rounds");
      rows.prepend(rowOf(summary));
      while (rows.childElementCount > mostRows) rows.lastElementChild?.remove();
      Object.assign(document.body.dataset, { round: String(round), hash });
    },
  };
}

function rowOf({ round, outcome, reason, contributions, trainingLoss, testAccuracy, hash }: RoundSummary): HTMLElement {
  const row = document.createElement("tr");
  const cells = [
    ...[String(round), outcome.replace("_", " "), String(contributions)],
    ...[trainingLoss?.toFixed(3) ?? "–", testAccuracy === null ? "–" : percent(testAccuracy), hash.slice(0, 8)],
  ];
  for (const text of cells) {
    const cell = document.createElement("td");
    cell.textContent = text;
    row.append(cell);
  }
  row.lastElementChild?.classList.add("roomy");
  row.title = reason;
  return row;
}

function draw(name: string, values: readonly (number | null)[], most: number): void {
  const step = chartWidth / Math.max(1, values.length - 1);
  const points = values.flatMap((value, at) =>
    value === null ? [] : [`${(at * step).toFixed(1)},${(chartHeight * (1 - value / most)).toFixed(1)}`],
  );
  element(name).setAttribute("points", points.join(" "));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
