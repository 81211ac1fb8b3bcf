import { defineConfig } from "vitest/config";

/** Packages run from their sources: no build stands between an edit and its test. */
const source = "shoal-source";

export default defineConfig({
  resolve: { conditions: [source, "module", "node", "development|production"] },
  ssr: { resolve: { conditions: [source, "module", "node", "development|production"] } },
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: ["packages/*/src/**/*.test.ts", "test/*.test.ts"] } },
      { extends: true, test: { name: "contract", include: ["test/contract/**/*.test.ts"], testTimeout: 30_000 } },
      {
        extends: true,
        test: { name: "cluster", include: ["test/cluster/**/*.test.ts"], testTimeout: 120_000, fileParallelism: false },
      },
    ],
  },
});
