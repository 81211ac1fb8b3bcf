/** No known answer is forgotten: each row of the federated vectors is named in the test that takes it. */
import { expect, it } from "vitest";
import { federatedRowPaths } from "./support/federated-rows.ts";
import { readSources } from "./support/source-tree.ts";

/** Rows that no test can play: why. */
const leftOut: Readonly<Record<string, string>> = {
  "published partitions/Flower Datasets, MNIST, 10 clients, Dirichlet 0.5": "is of numpy's generator, seed 42",
  "published modular sums/difference of 3 and 4 modulo 10": "sums are modulo 2^k only, k up to 32",
  "published modular sums/sums modulo numbers just below 2^63": "sums are modulo 2^k only, k up to 32",
};

const calls = /takeFederated(Row|Group)(?:<[^]{0,120}?>)?\(\s*"([^"]+)"/g;

it("every row of federated.json and of the published tables is taken by some test", () => {
  const files = ["packages", "test"].flatMap(readSources).filter(({ path }) => path.endsWith(".test.ts"));
  const taken = files.flatMap(({ text }) => [...text.matchAll(calls)].map(([, kind, path = ""]) => ({ kind, path })));
  const isTaken = (row: string): boolean =>
    taken.some(({ kind, path }) => (kind === "Row" ? row === path : row.startsWith(`${path}/`)));
  const forgotten = federatedRowPaths().filter((row) => !isTaken(row) && !Object.hasOwn(leftOut, row));
  expect(forgotten).toEqual([]);
  expect(Object.keys(leftOut).filter((row) => !federatedRowPaths().includes(row))).toEqual([]);
});
