/** Asynchronous cases: the plain row of the shared script, and admission under bounded staleness. */
import { expect, test } from "vitest";
import type { ParameterLink } from "@shoal/protocol";
import { loadVectors } from "../../support/vectors.ts";
import { createCaseWorker } from "./case-worker.ts";
import { expectNear } from "./near.ts";
import { takeGroup, takeRow } from "./published-rows.ts";
import { membersOf, type CaseCluster, type CaseRun, type MakeCluster } from "./case-cluster.ts";
import { playAdmission } from "./admission-play.ts";

interface ScriptRow {
  readonly push: "A" | "B";
  readonly tau: number;
  readonly w: readonly number[];
}

/** The rows of the shared script that are ours to pass, and how each is asked for. */
const rules = {
  "plain ASGD": { weight: { name: "none" } },
  "staleness LR a0/max(1,tau)": { weight: { name: "inverse" } },
  "DC-ASGD-c lambda=2": { weight: { name: "none" }, compensation: { name: "constant", lambda: 2 } },
  "DC-ASGD-a l0=2 m=.95 eps=1e-7 MeanSquare per worker": {
    weight: { name: "none" },
    compensation: { name: "adaptive", lambda: 2, decay: 0.95, epsilon: 1e-7, meanSquare: "worker" },
  },
  "DC-ASGD-a, one shared MeanSquare (paper notation)": {
    weight: { name: "none" },
    compensation: { name: "adaptive", lambda: 2, decay: 0.95, epsilon: 1e-7, meanSquare: "shared" },
  },
} as const;

interface Admission {
  readonly makespan: number;
  readonly idle: readonly number[];
  readonly max_clock_gap: number;
}

const { W0, lr } = loadVectors<{ readonly async_script: { readonly W0: readonly number[]; readonly lr: number } }>(
  "asynchrony",
).async_script;
const scripts = Object.entries(rules).map(
  ([name, rule]) => [name, rule, takeRow<readonly ScriptRow[]>(`async_script/${name}`)] as const,
);
const admissions = takeRow<Readonly<Record<string, Admission>>>("ssp_sim ");
const weights = takeGroup<Readonly<Record<string, number>>>("fedasync_s");

async function within(makeCluster: MakeCluster, body: (it: CaseCluster) => Promise<void>): Promise<void> {
  const cluster = await makeCluster(1);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}

async function playScript(run: CaseRun, rows: readonly ScriptRow[]): Promise<void> {
  const workers = { A: createCaseWorker(run, 1), B: createCaseWorker(run, 2) };
  const gradients = { A: [Float32Array.of(0.5, -1), Float32Array.of(0.3, -0.6)], B: [Float32Array.of(0.4, -0.8)] };
  const pulled = { A: 0, B: 0 };
  const clocks = { A: 0, B: 0 };
  for (const name of ["A", "B"] as const) {
    expect((await workers[name].pull(0)).replies).toEqual([{ type: "values", version: 0 }]);
  }
  for (const [index, { push: name, tau, w }] of rows.entries()) {
    const clock = clocks[name];
    const gradient = gradients[name][clock] as Float32Array;
    const reply = await workers[name].push({ gradient, clock, baseVersion: pulled[name], batch: index });
    expect(reply).toEqual([{ type: "push_applied", version: index + 1, staleness: tau }]);
    clocks[name] += 1;
    const { values, replies } = await workers.A.pull(clocks.A);
    // Float32 against float64: 1e-6 relative covers three roundings.
    for (const [key, expected] of w.entries()) {
      expect(Math.abs((values[key] ?? NaN) - expected)).toBeLessThan(1e-6 * Math.abs(expected));
    }
    pulled.A = replies[0]?.version ?? NaN;
  }
}

/** @returns the values after two workers, or one, have pushed in turn from values one push old */
async function playAlternately(
  it: CaseCluster,
  name: string,
  staleness: object,
  workers: number,
): Promise<Float32Array> {
  const members = membersOf(1, [1, 2]);
  const optimizer = { name: "sgd", learningRate: 0.1, momentum: 0.9 };
  const run = await it.host({ run: name, size: 3, optimizer, staleness: { ...staleness }, members });
  const hands = [createCaseWorker(run, 1), createCaseWorker(run, 2)].slice(0, workers);
  await hands[0]?.initialize(Float32Array.of(1, -2, 0.5));
  for (let batch = 0; batch < 8; batch += 1) {
    const hand = hands[batch % workers];
    const clock = Math.floor(batch / workers);
    const version = (await hand?.pull(clock))?.replies[0]?.version ?? NaN;
    // With two workers the other one's push lies between this one's pull and push.
    const other = workers === 2 ? hands[(batch + 1) % workers] : undefined;
    await other?.push({ gradient: Float32Array.of(0.3, batch, -0.2), clock, baseVersion: version });
    await hand?.push({ gradient: Float32Array.of(-0.1, 0.7, batch), clock, baseVersion: version });
  }
  return (await hands[0]?.pull(8))?.values ?? new Float32Array();
}

export function describeAsynchronousCases(makeCluster: MakeCluster): void {
  test.each(scripts)("async script: %s has the published versions, staleness and values", (_name, rule, rows) =>
    within(makeCluster, async (it) => {
      const run = await it.host({
        run: "script",
        size: 2,
        optimizer: { name: "sgd", learningRate: lr },
        staleness: rule,
        members: membersOf(1, [1, 2]),
      });
      await createCaseWorker(run, 1).initialize(Float32Array.from(W0));
      await playScript(run, rows);
    }),
  );

  test.each([
    ["poly a=.5", { name: "polynomial", exponent: 0.5 }],
    ["hinge a=10 b=4", { name: "hinge", slope: 10, offset: 4 }],
  ] as const)("FedAsync weights: %s are those by which pushes of each staleness move the values", (name, weight) =>
    within(makeCluster, async (it) => {
      const optimizer = { name: "sgd", learningRate: 1 };
      const run = await it.host({
        run: "weights",
        size: 1,
        optimizer,
        staleness: { weight },
        members: membersOf(1, [1]),
      });
      const worker = createCaseWorker(run, 1);
      await worker.initialize(Float32Array.of(0));
      // The oldest first: a push of zeros makes a version.
      let [version, sum] = [0, 0];
      const push = async (gradient: number, baseVersion: number): Promise<number> => {
        await worker.push({ gradient: Float32Array.of(gradient), clock: version, baseVersion, batch: version });
        version += 1;
        return (await worker.pull(version)).values[0] ?? NaN;
      };
      while (version < 8) await push(0, version);
      for (const [staleness, expected] of Object.entries(weights[name] ?? { none: NaN })) {
        const value = await push(-1, version - Number(staleness));
        expectNear([value - sum], [expected], 4);
        sum = value;
      }
    }),
  );

  test.each([
    ["lambda 0", { compensation: { name: "adaptive", lambda: 0 } }, 2],
    ["a lone worker, constant", { compensation: { name: "constant", lambda: 2 } }, 1],
    ["a lone worker, adaptive", { compensation: { name: "adaptive", lambda: 2 } }, 1],
  ] as const)("compensated descent keeps the bits of plain descent with %s", (_name, compensation, workers) =>
    within(makeCluster, async (it) => {
      const outcomes = [];
      for (const [run, staleness] of [
        ["plain", { weight: { name: "none" } }],
        ["compensated", { weight: { name: "none" }, ...compensation }],
      ] as const) {
        outcomes.push(await playAlternately(it, run, staleness, workers));
      }
      expect(outcomes[1]).toEqual(outcomes[0]);
    }),
  );

  test("a push beyond the bound is sent back, and its batch counts when it is computed again", () =>
    within(makeCluster, async (it) => {
      const run = await it.host({
        run: "bound",
        size: 1,
        optimizer: { name: "accumulate" },
        staleness: { weight: { name: "none" }, bound: 1 },
        members: membersOf(1, [1, 2]),
      });
      const [fast, slow] = [createCaseWorker(run, 1), createCaseWorker(run, 2)];
      const gradient = Float32Array.of(1);
      await fast.initialize(new Float32Array(1));
      await slow.pull(0);
      for (const clock of [0, 1]) await fast.push({ gradient, clock, baseVersion: clock, batch: clock });
      const late = { gradient, batch: 2, clock: 0 };
      expect(await slow.push({ ...late, baseVersion: 0 })).toEqual([
        { type: "push_rejected", reason: "too_stale", version: 2 },
      ]);
      const { values, replies } = await slow.pull(0);
      expect([...values]).toEqual([2]);
      expect(await slow.push({ ...late, baseVersion: replies[0]?.version ?? NaN })).toEqual([
        { type: "push_applied", version: 3, staleness: 0 },
      ]);
      expect(await run.describe()).toMatchObject([{ version: 3, batchesApplied: 3, rejected: 1 }]);
    }));

  test.each(Object.entries(admissions))(
    "O28: admission under bounded staleness s = %s has the published waits",
    (bound, row) =>
      within(makeCluster, async (it) => {
        const staleness = bound === "None" ? 1_000_000 : Number(bound);
        const members = [1, 2, 3, 4];
        const run = await it.host({
          run: "admission",
          size: 1,
          optimizer: { name: "accumulate" },
          consistency: { mode: "bounded", staleness },
          members: membersOf(1, members),
        });
        await createCaseWorker(run, 1).initialize(new Float32Array(1));
        const links = members.map((member) => run.connect(member)[0] as ParameterLink);
        const outcome = await playAdmission(run, links, [1, 1, 1, 2], 10);
        expect(outcome).toEqual({ makespan: row.makespan, idle: row.idle, maximumGap: row.max_clock_gap });
        expect(outcome.maximumGap).toBeLessThanOrEqual(staleness + 1);
      }),
  );
}
