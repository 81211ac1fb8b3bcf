/** Asynchronous cases: the plain row of the shared script, and admission under bounded staleness. */
import { expect, test } from "vitest";
import type { ParameterLink } from "@shoal/protocol";
import { loadVectors } from "../../support/vectors.ts";
import { createCaseWorker } from "./case-worker.ts";
import { membersOf, type CaseCluster, type CaseRun, type MakeCluster } from "./case-cluster.ts";
import { playAdmission } from "./admission-play.ts";

interface ScriptRow {
  readonly push: "A" | "B";
  readonly tau: number;
  readonly w: readonly number[];
}

interface Vectors {
  readonly async_script: {
    readonly W0: readonly number[];
    readonly lr: number;
    readonly "plain ASGD": readonly ScriptRow[];
  };
  readonly [admission: `ssp_sim ${string}`]: Readonly<
    Record<string, { readonly makespan: number; readonly idle: readonly number[]; readonly max_clock_gap: number }>
  >;
}

async function within(makeCluster: MakeCluster, body: (it: CaseCluster) => Promise<void>): Promise<void> {
  const cluster = await makeCluster(1);
  try {
    await body(cluster);
  } finally {
    await cluster.close();
  }
}

const vectors = loadVectors<Vectors>("asynchrony");

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

export function describeAsynchronousCases(makeCluster: MakeCluster): void {
  test("async script: plain asynchronous descent has the published versions, staleness and values", () =>
    within(makeCluster, async (it) => {
      const { W0, lr, "plain ASGD": rows } = vectors.async_script;
      const run = await it.host({
        run: "script",
        size: 2,
        optimizer: { name: "sgd", learningRate: lr },
        members: membersOf(1, [1, 2]),
      });
      await createCaseWorker(run, 1).initialize(Float32Array.from(W0));
      await playScript(run, rows);
    }));

  const published = Object.entries(vectors).find(([name]) =>
    name.startsWith("ssp_sim"),
  )?.[1] as Vectors[`ssp_sim ${string}`];

  test.each(Object.entries(published))(
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
