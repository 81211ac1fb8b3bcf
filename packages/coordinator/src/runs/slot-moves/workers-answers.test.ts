import { expect, test } from "vitest";
import { createCluster, withRun } from "../../cluster-state.ts";
import { checkJob } from "../../job/check-job.ts";
import { readMoves, slotsRecord } from "../../journal/run-records.ts";
import { describeChanges } from "../../status/describe-changes.ts";
import { lossesText } from "./describe-moves.ts";
import { newWorker } from "../start-run.ts";
import { createRun, withWorker, type RunState } from "../run-state.ts";
import { noteStandIns } from "./workers-answers.ts";

const worker = (member: number) => newWorker({ member, incarnation: 1, name: `worker-${member}` }, true);

/** Four slots: two of the first worker, one each of the others. */
function training(push: string): RunState {
  const job = checkJob({
    name: "a",
    model: { inputs: 4, layers: [{ type: "dense", outputs: 2 }], loss: { type: "softmax_cross_entropy" } },
    data: { type: "csv", file: "a.csv", labelColumn: "b" },
    optimizer: { name: "sgd", learningRate: 0.1 },
    ...{ batchSize: 1, slots: 4, encoding: { push: { name: push } } },
  });
  const run = createRun({ run: "run-1", submission: "s", job, parameterCount: 80 }, 0);
  const roster = { ...run.roster, members: [1, 2, 3], slotOwners: [1, 1, 2, 3] };
  return [1, 2, 3].map(worker).reduce(withWorker, { ...run, phase: "training", slots: 4, roster });
}

const cluster = (run: RunState) => withRun(createCluster("c", 1), run);

test("slots that another worker contributed are named once for each silent worker, and with their newest step", () => {
  const before = training("int8");
  const once = noteStandIns(
    before,
    worker(1),
    [2, 3].map((slot) => ({ slot, step: 7 })),
  );
  const said = "worker-1 contributed slot 2 in place of worker-2, without what is kept of it (step 7)";
  expect(describeChanges(cluster(before), cluster(once), 0)).toEqual([
    `run run-1: ${said}`,
    "run run-1: worker-1 contributed slot 3 in place of worker-3, without what is kept of it (step 7)",
  ]);
  expect(noteStandIns(once, worker(1), [{ slot: 2, step: 7 }])).toBe(once); // told again
  const twice = noteStandIns(once, worker(1), [{ slot: 2, step: 9 }]);
  expect(describeChanges(cluster(once), cluster(twice), 0)).toEqual([]);
  expect(lossesText(twice)).toContain(said.replace("step 7", "step 9"));
  // The next coordinator knows it.
  expect(readMoves(slotsRecord(cluster(twice), twice))).toEqual(twice.slotMoves);
});

test("slots that keep nothing, and the reporter's own, are not named", () => {
  const plain = training("float32");
  expect(noteStandIns(plain, worker(1), [{ slot: 2, step: 7 }])).toBe(plain);
  const lossy = training("int8");
  expect(
    noteStandIns(lossy, worker(1), [
      { slot: 1, step: 7 },
      { slot: 4, step: 7 },
    ]),
  ).toBe(lossy);
});
