import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { playwright } from "@vitest/browser-playwright";
import { trainInNode } from "./test/support/train-in-node.ts";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

/** Packages run from their sources: no build stands between an edit and its test. */
const source = "shoal-source";

// Hundreds of processes load the same modules: each is compiled once. Children inherit it.
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, "node_modules/.cache/compiled");

const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Where processes of `shoal` are started. */
const globalSetup = "test/support/built-command.ts";

/** For files that compute most of their time, and measure nobody's patience. */
const onAllCores = { maxWorkers: availableParallelism() };

/** For files with properties. */
const seeded = { setupFiles: ["test/support/property-seed.ts"] };

/**
 * Projects run one group after the other: what measures a cluster's patience (leases, deadlines) must not share the
 * cores with a hundred unit tests.
 */
const project = (
  name: string,
  order: number,
  test: NonNullable<TestProjectInlineConfiguration["test"]>,
): TestProjectInlineConfiguration => ({
  test: {
    // Node loads everything itself, as it does outside of tests: nothing is transformed.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    // Child processes and threads that a test starts take the sources too.
    execArgv: [`--conditions=${source}`],
    name,
    ...test,
    sequence: { groupOrder: order },
  },
});

/** Pages are cross-origin isolated, as the kernels' shared memory requires. */
const browser: TestProjectInlineConfiguration = {
  resolve: { conditions: [source, "module", "browser", "development|production"] },
  server: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
  test: {
    name: "browser",
    include: ["test/browser/**/*.test.ts"],
    sequence: { groupOrder: 7 },
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: chromium, args: ["--no-sandbox"] } }),
      instances: [{ browser: "chromium" }],
      commands: { trainInNode },
    },
  },
};

/**
 * Tests of killed clusters, cut lines and tabs that mostly wait for what is slow by itself, and that measure nobody's patience:
 * two files leave each other enough of two cores.
 */
const patient = ["cut-lines", "killed-clusters", "terminated-clusters"].map((name) => `test/chaos/${name}.test.ts`);

/** Tabs and processes that train together. */
const edge = project("edge", 6, {
  ...onAllCores,
  include: ["test/edge/**/*.test.ts"],
  globalSetup,
  testTimeout: 120_000,
  hookTimeout: 60_000,
});

/** Measures the heap of its process, in which nobody else may have run: what engines box depends on all they have seen. */
const heapTest = "packages/models/src/plan/no-garbage.test.ts";

export default defineConfig({
  test: {
    projects: [
      project("unit", 0, {
        ...onAllCores,
        ...seeded,
        // Loading what a file needs takes longer than most files.
        isolate: false,
        include: [
          "packages/*/src/**/*.test.ts",
          "test/*.test.ts",
          "test/support/**/*.test.ts",
          "bench/*/*.test.ts",
          "scripts/**/*.test.ts",
        ],
        exclude: [heapTest],
        // Against hangs: what computes may take ten times as long on a busy machine.
        testTimeout: 60_000,
      }),
      project("contract", 1, {
        ...onAllCores,
        ...seeded,
        include: ["test/contract/**/*.test.ts", heapTest],
        testTimeout: 30_000,
      }),
      project("simulation", 2, { ...onAllCores, include: ["test/simulation/**/*.test.ts"], testTimeout: 60_000 }),
      project("convergence", 3, {
        include: ["test/convergence/**/*.test.ts"],
        testTimeout: 300_000,
        ...onAllCores,
      }),
      // Processes start, connect and wait: two files of these leave each other enough of two cores.
      project("cluster", 4, {
        ...onAllCores,
        include: ["test/cluster/**/*.test.ts"],
        globalSetup,
        testTimeout: 120_000,
        hookTimeout: 60_000,
      }),
      // What is counted or measured here depends on how fast the machine is: one file has it to itself.
      project("chaos", 5, {
        include: ["test/chaos/**/*.test.ts"],
        exclude: patient,
        globalSetup,
        testTimeout: 120_000,
        hookTimeout: 60_000,
        fileParallelism: false,
      }),
      project("chaos-patient", 6, {
        ...onAllCores,
        include: patient,
        globalSetup,
        testTimeout: 120_000,
        hookTimeout: 60_000,
      }),
      // Without Chromium these are left out; `npm test` then lists them as skipped, and fails under CI.
      ...(existsSync(chromium) ? [browser, edge] : []),
    ],
  },
});
