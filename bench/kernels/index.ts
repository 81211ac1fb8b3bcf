/**
 * Each kernel beside what bounds it (the multiply-add peak, memcpy) and beside its peers, on one thread, in turns.
 */
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { takeTurns, type Turns } from "../frame/turns.ts";
import { preparePeers, type Peers } from "../peers/install.ts";
import { rateOf, type Contest, type KernelCase } from "./case.ts";
import { activationCases } from "./activations.ts";
import { codecCases } from "./codecs.ts";
import { encodingCases } from "./encodings.ts";
import { imageCases } from "./images.ts";
import { optimizerCases } from "./optimizers.ts";
import { denseCases } from "./dense.ts";
import { parallelCases } from "./parallel.ts";
import { productCases } from "./products.ts";
import { sequenceCases } from "./sequences.ts";
import { createSite } from "./site.ts";
import { vectorCases } from "./vectors.ts";

const turns = { rounds: 40, turnMs: 4 };

export const kernelCases: readonly KernelCase[] = [
  ...productCases,
  ...parallelCases,
  ...denseCases,
  ...imageCases,
  ...sequenceCases,
  ...activationCases,
  ...vectorCases,
  ...optimizerCases,
  ...encodingCases,
  ...codecCases,
];

export const benchmark: Benchmark = {
  name: "kernels",
  summary:
    "each kernel beside its limit (multiply-add peak, memcpy) and its peers (tfjs-backend-wasm, onnxruntime-web)",
  run: async (context) => measureCases(kernelCases, await preparePeers(context.say), context),
};

/** Measures the cases whose name has `context.only` in it. */
export async function measureCases(
  cases: readonly KernelCase[],
  peers: Peers,
  context: BenchmarkContext,
): Promise<Report> {
  const site = await createSite();
  const rows: Row[] = [];
  for (const each of cases) {
    if (!each.name.includes(context.only ?? "")) continue;
    context.say(each.name);
    const contest = await each.create({ site, peers });
    rows.push(...(await measureContest(each.name, contest, { ...turns, ...context.turns, now: context.now })));
    await contest.release?.();
    site.clear();
  }
  return { rows, notes: notes(peers) };
}

async function measureContest(name: string, contest: Contest, pace: Turns): Promise<readonly Row[]> {
  const { unit, amount, rivals, kernel } = contest;
  const [ms = Number.NaN, ...others] = await takeTurns([{ name, work: kernel }, ...rivals], pace);
  const value = rateOf(unit, amount, ms);
  const limits = rivals.map((rival, index) => rateOf(unit, rival.amount ?? amount, others[index] ?? Number.NaN));
  const rows = rivals.map((rival, index) => {
    const limit = limits[index] ?? Number.NaN;
    const aim = rival.aim === undefined ? {} : { aim: rival.aim };
    return compare({ name, value, unit, limit, limitName: rival.name, ...aim });
  });
  const best = Math.max(...limits.filter((_, index) => rivals[index]?.kind === "peer"));
  if (contest.bestPeer !== undefined && Number.isFinite(best)) {
    rows.push(compare({ name, value, unit, limit: best, limitName: "best peer", aim: contest.bestPeer }));
  }
  return rows.length === 0 ? [figure(name, value, unit)] : rows;
}

function notes(peers: Peers): readonly string[] {
  return [
    `One thread, where the name says no more. Kernel and rivals take turns of ${turns.turnMs} ms; of ${turns.rounds} turns the fastest counts.`,
    "GFLOP/s counts a multiply-add as two; GB/s counts the bytes read and written.",
    "onnxruntime-web holds the second operand as a constant of its model; the other operands are copied in and out.",
    ...(peers.kind === "missing" ? [`No peers: ${peers.reason}.`] : []),
  ];
}
