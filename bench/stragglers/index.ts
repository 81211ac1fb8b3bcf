/** What each cure makes of one worker that is five times slower than the other seven; in virtual time. */
import { createTrainingSite } from "../../test/support/training-cluster.ts";
import { compare, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { cures, measureCure, type Cure, type Measured } from "./measure.ts";

export const benchmark: Benchmark = {
  name: "stragglers",
  summary: "one of 8 workers is 5 times slower: throughput, idle time, and when it is named, for each cure",
  run: measure,
};

/** Virtual time that each cure is looked at, ms. */
const lookMs = 12_000;
const shortMs = 6_000;
/** Steps of the straggler by which it has a name. */
const namedBy = 5;

async function measure({ say, only, short = false }: BenchmarkContext): Promise<Report> {
  const site = await createTrainingSite();
  const rows: Row[] = [];
  for (const cure of cures.filter(({ name }) => name.includes(only ?? ""))) {
    say(cure.name);
    rows.push(...rowsOf(cure, await measureCure(site, cure, short ? shortMs : lookMs)));
  }
  return {
    rows,
    notes: [
      "8 workers, batches of 128 (32 in the rows of 32 slots), 1 ms for a sample and 1 ms for an exchange; worker-1 takes 5 ms a sample.",
      "Throughput: samples that were trained on, beside what the seven others compute if they never wait; a run may reach 7.2 sevenths.",
      "Idle: waiting of all eight workers as they report it, exchanges included, as a share of their time; from the seventh second on.",
      "Named: the steps that the straggler had computed when the status called it one.",
    ],
  };
}

/** Aims are what the job asks for: of the table's ratio, idle time is compared with all of the time. */
function rowsOf({ name, aims }: Cure, { throughput, idle, namedAfter }: Measured): readonly Row[] {
  return [
    compare({
      ...{
        name: `${name}: throughput`,
        value: 7 * throughput,
        unit: "samples/ms",
        limit: 7,
        limitName: "the other seven",
      },
      ...(aims?.throughput !== undefined && { aim: { kind: "at_least", ratio: aims.throughput } as const }),
    }),
    compare({
      ...{ name: `${name}: idle`, value: 100 * idle, unit: "%", limit: 100, limitName: "all of the time" },
      ...(aims?.idle !== undefined && { aim: { kind: "at_most", ratio: aims.idle } as const }),
    }),
    compare({
      ...{
        name: `${name}: named after`,
        value: namedAfter ?? Infinity,
        unit: "steps",
        limit: namedBy,
        limitName: "five steps",
      },
      aim: { kind: "at_most", ratio: 1 },
    }),
  ];
}
