/**
 * The metrics of a whole model. One output: they are called by their own names. Several: `NAME.METRIC`, and a metric that
 * is asked for without an output is measured at every output that it suits.
 */
import { ShoalError } from "@shoal/errors";
import type { PlanTarget } from "../plan/plan-inputs.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import { defaultMetrics, metricNames, metricOf } from "./metric-table.ts";
import type { MeasuredOutput, MetricAccumulator } from "./metric.ts";
import { createAccuracy, measuredOutputs } from "./model-accuracy.ts";

export interface ModelMetrics {
  /**
   * Adds a batch of every output. Borrows both.
   * @param outputs by name, [rows, …shape]
   */
  add(
    outputs: Readonly<Record<string, Float32Array>>,
    targets: Readonly<Record<string, PlanTarget>>,
    rows: number,
  ): void;
  /** Over all batches added; metrics that are not defined for these answers are left out. */
  values(): Readonly<Record<string, number>>;
  /** Share of right answers at the first output that has classes, whichever metrics were asked for; 0 without one. */
  accuracy(): number;
}

interface ChosenMetric {
  readonly key: string;
  readonly output: MeasuredOutput;
  readonly create: () => MetricAccumulator;
}

/**
 * Sums for one evaluation.
 * @param names metrics to measure; null: those that suit the losses
 * @throws ShoalError invalid_argument - a name is unknown or suits no output
 */
export function createMetrics(model: ModelSpec, names: readonly string[] | null): ModelMetrics {
  const chosen = choose(model, names).map((metric) => ({ ...metric, sums: metric.create() }));
  const judged = createAccuracy(model);
  return {
    add(outputs, targets, rows) {
      judged.add(outputs, targets, rows);
      for (const { output, sums } of chosen) {
        const numbers = outputs[output.name];
        const target = targets[output.name];
        if (numbers === undefined || target === undefined) throw new RangeError(`no output is called ${output.name}`);
        sums.add(numbers, target, rows);
      }
    },
    accuracy: () => judged.value(),
    values: () =>
      Object.fromEntries(
        chosen.map(({ key, sums }) => [key, sums.value()] as const).filter((entry) => isFiniteEntry(entry)),
      ),
  };
}

function isFiniteEntry(entry: readonly [string, number | undefined]): entry is readonly [string, number] {
  return Number.isFinite(entry[1]);
}

/**
 * Under which names an evaluation's metrics will be found.
 * @throws ShoalError invalid_argument - as `createMetrics`; the message begins with `metrics`
 */
export function metricKeys(model: ModelSpec, names: readonly string[] | null): readonly string[] {
  return choose(model, names).map(({ key }) => key);
}

function choose(model: ModelSpec, names: readonly string[] | null): readonly ChosenMetric[] {
  const outputs = measuredOutputs(model);
  const wanted = names?.map((name) => askedFor(name, outputs)).flat() ?? outputs.flatMap(defaultsOf);
  return [...new Map(wanted.map((metric) => [keyOf(metric, outputs), metric] as const))].map(([key, metric]) => {
    const { output, name } = metric;
    return { key, output, create: () => metricOf(name)!.create(output) };
  });
}

interface WantedMetric {
  readonly name: string;
  readonly output: MeasuredOutput;
}

function defaultsOf(output: MeasuredOutput): readonly WantedMetric[] {
  return defaultMetrics(output).map((name) => ({ name, output }));
}

function keyOf({ name, output }: WantedMetric, outputs: readonly MeasuredOutput[]): string {
  return outputs.length === 1 ? name : `${output.name}.${name}`;
}

function askedFor(asked: string, outputs: readonly MeasuredOutput[]): readonly WantedMetric[] {
  const named = outputs.find(({ name }) => asked.startsWith(`${name}.`));
  const name = named === undefined ? asked : asked.slice(named.name.length + 1);
  const metric = metricOf(name);
  if (metric === undefined) refuse(`"${asked}" is not one of ${metricNames}`);
  const candidates = named === undefined ? outputs : [named];
  const suited = candidates.filter((output) => metric.refuses(output) === undefined);
  if (suited.length === 0) refuse(`${asked} ${candidates[0] === undefined ? "" : metric.refuses(candidates[0])}`);
  return suited.map((output) => ({ name, output }));
}

function refuse(sentence: string): never {
  throw new ShoalError("invalid_argument", `metrics: ${sentence}`, { path: "metrics" });
}
