/** What a benchmark brings back: rows of figures, each beside its limit or peer of the same run. */

/** What a ratio should be. A rate wants `at_least`, an overhead `at_most`. */
export interface Aim {
  readonly kind: "at_least" | "at_most";
  readonly ratio: number;
}

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The same figure, in the same unit and run, of what bounds or rivals this one: memcpy, a raw socket. */
  readonly limit?: number;
  readonly limitName?: string;
  /** value / limit */
  readonly ratio?: number;
  readonly aim?: Aim;
  readonly met?: boolean;
}

export interface Report {
  readonly rows: readonly Row[];
  /** One sentence each: what was run, how often, what a figure leaves out. */
  readonly notes: readonly string[];
}

export interface BenchmarkContext {
  /** Prints one line of progress; it goes to standard error and is no part of the report. */
  readonly say: (line: string) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Leaves out what has not this text in its name. */
  readonly only?: string;
  /** How long and how often contestants take turns; default the benchmark's own. */
  readonly turns?: { readonly rounds: number; readonly turnMs: number };
  /** A smaller version of a long benchmark, for those that have one. */
  readonly short?: boolean;
  /** Threads to compute on, for benchmarks that measure no time; default the machine's cores. */
  readonly threads?: number;
  /** Where files beside the report go: path and the beginning of the name. Default the benchmark's own. */
  readonly files?: string;
}

/** What `bench/NAME/index.ts` exports as `benchmark`. */
export interface Benchmark {
  readonly name: string;
  /** One line for the list of benchmarks. */
  readonly summary: string;
  run(context: BenchmarkContext): Promise<Report>;
}

/** A figure that stands alone. */
export function figure(name: string, value: number, unit: string): Row {
  return { name, value, unit };
}

export interface Comparison {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly limit: number;
  readonly limitName: string;
  readonly aim?: Aim;
}

/** A figure beside its limit: adds the ratio and, where there is an aim, whether it is met. */
export function compare(comparison: Comparison): Row {
  const ratio = comparison.value / comparison.limit;
  if (comparison.aim === undefined) return { ...comparison, ratio };
  return { ...comparison, ratio, met: isMet(ratio, comparison.aim) };
}

/** A ratio that is no number (a limit of zero, a failed measurement) meets no aim. */
export function isMet(ratio: number, aim: Aim): boolean {
  return aim.kind === "at_least" ? ratio >= aim.ratio : ratio <= aim.ratio;
}

/** The rows whose aim is missed. */
export function missedRows(report: Report): readonly Row[] {
  return report.rows.filter((row) => row.met === false);
}
