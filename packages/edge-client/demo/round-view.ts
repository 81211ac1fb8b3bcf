/** Shows how rounds went: the newest figures, a chart, a list. */
import type { RoundSummary } from "@shoal/edge-client";
import { element } from "./element.ts";

const mostRows = 50;
const mostPoints = 500;
const chartWidth = 320;
const chartHeight = 120;
/** Of the table. */
const columns = 6;

export interface RoundView {
  add(summary: RoundSummary): void;
  /** The share of this tab's own digits that a round's model has got right. */
  measured(round: number, accuracy: number): void;
}

export function createRoundView(): RoundView {
  const losses: (number | null)[] = [];
  const accuracies: (number | null)[] = [];
  let newest: { readonly round: number; readonly accuracy: number } | undefined;
  const keep = (list: (number | null)[], value: number | null): void => {
    list.push(value);
    if (list.length > mostPoints) list.shift();
  };
  const section = element("rounds-section");
  return {
    add(summary) {
      const { round, trainingLoss, testAccuracy, hash } = summary;
      const own = newest?.round === round ? newest.accuracy : null;
      // The chart begins with the first round of which there is something to show.
      if (losses.length > 0 || trainingLoss !== null || own !== null) {
        keep(losses, trainingLoss);
        keep(accuracies, own);
      }
      element("round").textContent = String(round);
      if (trainingLoss !== null) element("loss").textContent = trainingLoss.toFixed(3);
      if (testAccuracy !== null) {
        element("accuracy").textContent = percent(testAccuracy);
        section.toggleAttribute("data-has-accuracy", true);
      }
      const most = Math.max(...losses.map((loss) => loss ?? 0));
      section.toggleAttribute("data-has-loss", losses.some(isNumber));
      element("chart-top").textContent = `loss ${most.toFixed(2)}`;
      element("chart").setAttribute("aria-label", chartText(losses, accuracies));
      draw("loss-line", losses, Math.max(most, Number.MIN_VALUE));
      draw("accuracy-line", accuracies, 1);
      const rows = element("rounds");
      rows.prepend(rowOf(summary));
      while (rows.childElementCount > mostRows) rows.lastElementChild?.remove();
      Object.assign(document.body.dataset, { round: String(round), hash });
    },
    measured(round, accuracy) {
      newest = { round, accuracy };
      element("own-accuracy").textContent = percent(accuracy);
      section.toggleAttribute("data-has-own-accuracy", true);
    },
  };
}

/** One that came to nothing says why in the place of its figures. */
function rowOf(summary: RoundSummary): HTMLElement {
  const { round, outcome, reason, contributions, trainingLoss, testAccuracy, hash, record } = summary;
  const row = document.createElement("tr");
  row.title = `record ${record} of the log`;
  row.append(cellOf(String(round)), cellOf(outcome.replace("_", " ")));
  if (outcome !== "committed") {
    const why = cellOf(reason, "why");
    why.colSpan = columns - 2;
    row.append(why);
    return row;
  }
  const accuracy = cellOf(testAccuracy === null ? "–" : percent(testAccuracy), "if-accuracy");
  row.append(cellOf(String(contributions)), cellOf(trainingLoss?.toFixed(3) ?? "–"), accuracy);
  row.append(cellOf(hash.slice(0, 8), "roomy"));
  return row;
}

function cellOf(text: string, kind = ""): HTMLTableCellElement {
  const cell = document.createElement("td");
  cell.textContent = text;
  cell.className = kind;
  return cell;
}

function isNumber(value: number | null): value is number {
  return value !== null;
}

/** The chart for those who do not see it. */
function chartText(losses: readonly (number | null)[], accuracies: readonly (number | null)[]): string {
  const [known, shares] = [losses.filter(isNumber), accuracies.filter(isNumber)];
  const [first, last, share] = [known[0], known.at(-1), shares.at(-1)];
  if (first === undefined || last === undefined) return "No round has a loss yet.";
  const loss = `Over ${known.length} rounds the loss went from ${first.toFixed(3)} to ${last.toFixed(3)}.`;
  return share === undefined ? loss : `${loss} The accuracy here is ${percent(share)}.`;
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
