/** The study as one picture (SVG): errors and times to 97 % over the number of workers, one line a rule, MLP and CNN. */
import type { RuleName } from "./cell.ts";
import type { PartName } from "./parts.ts";
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

const errorAxis: Axis = { label: "wrong answers, %", ticks: [1, 2, 5, 10, 20, 50, 100], from: 1, to: 100 };
const timeAxis: Axis = {
  label: "virtual time, steps of one worker",
  ticks: [100, 1_000, 10_000],
  from: 100,
  to: 30_000,
};

/** The parts that are drawn, side by side; steps of equal length. */
const drawn: readonly (readonly [PartName, string])[] = [
  ["rules", "MLP, SGD .3"],
  ["network", "CNN, SGD .2"],
];

/** Draws the parts that there are groups of. */
export function renderPlot(groups: readonly Group[]): string {
  const shown = groups.filter(({ pace }) => pace === "equal");
  const columns = drawn.filter(([part]) => shown.some((group) => group.part === part));
  const panels = columns.flatMap(([part, title], column) =>
    panelsOf(
      shown.filter((group) => group.part === part),
      title,
      70 + column * 430,
    ),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="70" y="24" font-size="15">MNIST with asynchronous workers: one learning rate, each rule for stale gradients</text>`,
    ...Object.entries(lines).map(([rule, line], index) => legend(rule, line, 70 + index * 138)),
    ...panels.flatMap(renderPanel),
    `</svg>\n`,
  ].join("\n");
}

function panelsOf(groups: readonly Group[], title: string, left: number): readonly Panel[] {
  return [
    {
      ...{ title: `${title}: wrong answers at the end`, left, top: 84, axis: errorAxis, groups },
      valueOf: ({ error: { mean, least, greatest } }) => [100 * mean, 100 * least, 100 * greatest],
    },
    {
      ...{ title: `${title}: time to 97 % right answers`, left, top: 400, axis: timeAxis, groups },
      valueOf: ({ stepsToAim }) => (stepsToAim === null ? null : [stepsToAim, stepsToAim, stepsToAim]),
    },
  ];
}

function legend(rule: string, { colour, dash }: { colour: string; dash: string }, x: number): string {
  const name = rule === "none" ? "no rule" : rule === "inverse" ? "inverse (default)" : rule;
  const line = `<line x1="${x}" y1="46" x2="${x + 26}" y2="46" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>`;
  return `${line}<text x="${x + 32}" y="50">${name}</text>`;
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
    ...renderAlone(panel),
    ...(Object.keys(lines) as RuleName[]).map((rule) => renderLine(panel, rule)),
  ];
}

/** A dotted line at what one worker reaches: what the others are to be compared with. */
function renderAlone(panel: Panel): readonly string[] {
  return panel.groups.flatMap((group) => {
    const value = group.workers === 1 ? panel.valueOf(group) : null;
    if (value === null) return [];
    const y = yOf(panel, value[0]);
    const right = panel.left + panelWidth;
    const line = `<line x1="${panel.left}" y1="${y}" x2="${right}" y2="${y}" stroke="#888888" stroke-dasharray="1 4"/>`;
    return `${line}<text x="${right - 4}" y="${y - 5}" text-anchor="end" fill="#666666" font-size="11">one worker</text>`;
  });
}

/** One worker alone is the start of every line. */
function renderLine(panel: Panel, rule: RuleName): string {
  const { colour, dash } = lines[rule];
  if (!panel.groups.some((group) => group.rule === rule && group.workers > 1)) return "";
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
