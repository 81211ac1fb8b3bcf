/**
 * One training step (forward, backward, SGD) of whole models on one thread, beside tfjs-backend-wasm doing the same work.
 *
 * Both start from the same weights and take their first steps on the same batch; losses that differ end the benchmark,
 * because then the work is not the same.
 */
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";
import { takeTurns, type Turns } from "../frame/turns.ts";
import { preparePeers, type Peers } from "../peers/install.ts";
import { convolutionalSubject } from "./convolutional.ts";
import { createOurs, type OurModel } from "./ours.ts";
import { perceptronSubject } from "./perceptron.ts";
import type { PeerModel, Subject } from "./subject.ts";
import { transformerSubject } from "./transformer.ts";

const turns = { rounds: 40, turnMs: 20 };
const comparedSteps = 3;
/** Sums of thousands of float32 products in another order, carried through a few steps. */
const lossTolerance = 1e-3;

export const subjects: readonly Subject[] = [
  perceptronSubject(1),
  perceptronSubject(16),
  perceptronSubject(64, 10),
  perceptronSubject(256),
  convolutionalSubject(64, 3),
  transformerSubject(8, 3),
];

export const benchmark: Benchmark = {
  name: "step",
  summary: "one training step of whole models, beside tfjs-backend-wasm doing the same work",
  run: async (context) => measureSubjects(subjects, await preparePeers(context.say), context),
};

/** Measures the subjects whose name has `context.only` in it. */
export async function measureSubjects(
  all: readonly Subject[],
  peers: Peers,
  context: BenchmarkContext,
): Promise<Report> {
  const rows: Row[] = [];
  const pace = { ...turns, ...context.turns, now: context.now };
  for (const subject of all) {
    if (!subject.name.includes(context.only ?? "")) continue;
    context.say(subject.name);
    rows.push(...(await measureSubject(subject, peers, pace)));
  }
  return { rows, notes: notes(peers) };
}

async function measureSubject(subject: Subject, peers: Peers, pace: Turns): Promise<readonly Row[]> {
  const { name, spec, batch, learningRate } = subject;
  const ours = await createOurs(spec, batch, learningRate);
  const deterministic = await createOurs(spec, batch, learningRate, "baseline");
  const peer = peers.kind === "ready" ? subject.peer(peers.tensorFlow, ours.weights(), batch, learningRate) : undefined;
  if (peer !== undefined) await compareLosses(name, ours, peer);
  const contestants = [
    { name, work: () => ours.step() },
    { name: "deterministic", work: () => deterministic.step() },
    ...(peer === undefined ? [] : [{ name: "tfjs", work: () => peer.step() }]),
  ];
  const [ms = Number.NaN, baselineMs = Number.NaN, peerMs] = await takeTurns(contestants, pace);
  const value = 1000 / ms;
  const aim = subject.aim === undefined ? {} : { aim: { kind: "at_least", ratio: subject.aim } as const };
  return [
    ...(peerMs === undefined
      ? []
      : [compare({ name, value, unit: "steps/s", limit: 1000 / peerMs, limitName: "tfjs", ...aim })]),
    compare({ name, value, unit: "steps/s", limit: 1000 / baselineMs, limitName: "our deterministic build" }),
    figure(`${name}, one step`, ms, "ms"),
    figure(`${name}, memory of the plan`, ours.peakBytes / 2 ** 20, "MiB"),
  ];
}

/** @throws Error when the peer computes something else */
async function compareLosses(name: string, ours: OurModel, peer: PeerModel): Promise<void> {
  for (let step = 0; step < comparedSteps; step++) {
    const [own, other] = [ours.step(), await peer.step()];
    if (!(Math.abs(own - other) <= lossTolerance * Math.abs(other))) {
      throw new Error(`${name}: at step ${step} the loss is ${own} here and ${other} in tfjs: not the same work`);
    }
  }
}

function notes(peers: Peers): readonly string[] {
  return [
    `One thread; forward, backward and SGD. Turns of ${turns.turnMs} ms, of ${turns.rounds} the fastest counts.`,
    `The losses of the first ${comparedSteps} steps agree within ${lossTolerance} relative, from the same weights on the same batch.`,
    "tfjs-backend-wasm has no gradient of a convolution's filter nor of an embedding: it runs ones made of its conv2d and matMul.",
    ...(peers.kind === "missing" ? [`No peers: ${peers.reason}.`] : []),
  ];
}
