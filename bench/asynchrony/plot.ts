/** The study as one picture (SVG): errors and times to 97 % over the number of workers, one line a rule. */
import type { Pace, RuleName } from "./cell.ts";
import type { Group } from "./summary.ts";

/** Okabe and Ito's colours, which colour-blind people tell apart. */
const lines: Readonly<Record<RuleName, { readonly colour: string; readonly dash: string }>> = {
  none: { colour: "#000000", dash: "" },
  inverse: { colour: "#0072b2", dash: "" },
  polynomial: { colour: "#e69f00", dash: "" },
  hinge: { colour: "#009e73", dash: "" },
  "DC-ASGD-c": { colour: "#cc79a7", dash: "5 3" },
  "DC-ASGD-a": { colour: "#d55e00", dash: "2 3" },
};

interface Axis {
  readonly label: string;
  readonly ticks: readonly number[];
  readonly from: number;
  readonly to: number;
}

interface Panel {
  readonly title: string;
  readonly left: number;
  readonly top: number;
  readonly axis: Axis;
  /** Mean, and where seeds differ least and greatest; null: none. */
  readonly valueOf: (group: Group) => readonly [number, number, number] | null;
  readonly groups: readonly Group[];
}

const width = 900;
const height = 700;
const panelWidth = 370;
const panelHeight = 240;
const mostWorkers = 64;

const errorAxis: Axis = { label: "final error, %", ticks: [2, 5, 10, 20, 50, 100], from: 1.5, to: 100 };
const timeAxis: Axis = { label: "steps to 97 %, median seed", ticks: [100, 1_000, 10_000], from: 100, to: 30_000 };

/** @param groups of the part `rules` */
export function renderPlot(groups: readonly Group[]): string {
  const paces = (["equal", "random"] as const).filter((pace) => groups.some((group) => group.pace === pace));
  const panels = paces.flatMap((pace, column) => panelsOf(groups, pace, 70 + column * 430));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="70" y="24" font-size="15">MNIST, MLP, asynchronous: what staleness does under each rule</text>`,
    ...Object.entries(lines).map(([rule, line], index) => legend(rule, line, 70 + index * 132)),
    ...panels.flatMap(renderPanel),
    `</svg>\n`,
  ].join("\n");
}

function panelsOf(groups: readonly Group[], pace: Pace, left: number): readonly Panel[] {
  const shown = groups.filter((group) => group.pace === pace || group.workers === 1);
  const title = pace === "equal" ? "steps of equal length" : "steps of random length";
  return [
    {
      ...{ title, left, top: 84, axis: errorAxis, groups: shown },
      valueOf: ({ error: { mean, least, greatest } }) => [100 * mean, 100 * least, 100 * greatest],
    },
    {
      ...{ title: `${title}: virtual time`, left, top: 400, axis: timeAxis, groups: shown },
      valueOf: ({ stepsToAim }) => (stepsToAim === null ? null : [stepsToAim, stepsToAim, stepsToAim]),
    },
  ];
}

function legend(rule: string, { colour, dash }: { colour: string; dash: string }, x: number): string {
  const line = `<line x1="${x}" y1="46" x2="${x + 26}" y2="46" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>`;
  return `${line}<text x="${x + 32}" y="50">${rule}</text>`;
}

function renderPanel(panel: Panel): readonly string[] {
  const { title, left, top, axis } = panel;
  const right = left + panelWidth;
  const bottom = top + panelHeight;
  const workers = [...new Set(panel.groups.map((group) => group.workers))];
  return [
    `<text x="${left}" y="${top - 8}" font-weight="bold">${title}</text>`,
    ...axis.ticks.map((tick) => {
      const y = yOf(panel, tick);
      return `<line x1="${left}" y1="${y}" x2="${right}" y2="${y}" stroke="#dddddd"/><text x="${left - 6}" y="${y + 4}" text-anchor="end">${tick}</text>`;
    }),
    `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#444444"/>`,
    ...workers.map((count) => `<text x="${xOf(panel, count)}" y="${bottom + 16}" text-anchor="middle">${count}</text>`),
    `<text x="${right}" y="${bottom + 32}" text-anchor="end">workers</text>`,
    `<text transform="translate(${left - 52} ${top + panelHeight / 2}) rotate(-90)" text-anchor="middle">${axis.label}</text>`,
    ...(Object.keys(lines) as RuleName[]).map((rule) => renderLine(panel, rule)),
  ];
}

/** One worker alone is the start of every line. */
function renderLine(panel: Panel, rule: RuleName): string {
  const { colour, dash } = lines[rule];
  const points = panel.groups
    .filter((group) => group.rule === rule || group.workers === 1)
    .flatMap((group) => {
      const value = panel.valueOf(group);
      return value === null ? [] : { x: xOf(panel, group.workers), value };
    });
  const path = points
    .map(({ x, value: [mean] }, index) => `${index === 0 ? "M" : "L"}${x} ${yOf(panel, mean)}`)
    .join("");
  const marks = points.map(({ x, value: [mean, least, greatest] }) => {
    const bar = `<path d="M${x} ${yOf(panel, least)}V${yOf(panel, greatest)}"/>`;
    return `${least === greatest ? "" : bar}<circle cx="${x}" cy="${yOf(panel, mean)}" r="2.5" fill="${colour}"/>`;
  });
  return `<g stroke="${colour}" fill="none"><path d="${path}" stroke-width="2" stroke-dasharray="${dash}"/>${marks.join("")}</g>`;
}

function xOf({ left }: Panel, workers: number): number {
  return round(left + 14 + ((panelWidth - 28) * Math.log2(workers)) / Math.log2(mostWorkers));
}

/** Logarithmic. */
function yOf({ top, axis: { from, to } }: Panel, value: number): number {
  const share = Math.log(value / from) / Math.log(to / from);
  return round(top + panelHeight * (1 - Math.min(1, Math.max(0, share))));
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
