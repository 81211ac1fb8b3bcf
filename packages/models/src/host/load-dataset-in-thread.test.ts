import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ShoalError } from "@shoal/errors";
import type { DatasetSpec } from "../data/dataset-spec.ts";
import type { Split } from "../data/dataset.ts";
import { loadDataset } from "./load-dataset.ts";
import { loadDatasetInThread } from "./load-dataset-in-thread.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-data-"));
  await writeFile(join(folder, "rows.csv"), `x,y\n${"1,2.5\n2,3.5\n".repeat(10)}`);
  await writeFile(join(folder, "short.csv"), "x,y\n1,2\n3\n");
});
afterAll(() => rm(folder, { recursive: true }));

const environment = (): { cacheFolder: string; baseFolder: string } => ({ cacheFolder: folder, baseFolder: folder });
const csv = (file: string): DatasetSpec => ({ type: "csv", file, labelColumn: "y", labelKind: "number" });
const arraysOf = ({ inputs, targets }: Split): readonly unknown[] =>
  [...Object.values(inputs), ...Object.values(targets)].map((column) => "values" in column && column.values?.buffer);

describe("loadDatasetInThread", () => {
  it.each([["digits", { type: "digits", samples: 50, testSamples: 20, seed: 4 }] as const, ["CSV", csv("rows.csv")]])(
    "gives the same bits of %s as loading on this thread, on shared memory",
    async (_kind, spec) => {
      const loaded = await loadDatasetInThread(spec, environment());
      expect(loaded).toEqual(await loadDataset(spec, environment()));
      for (const buffer of [...arraysOf(loaded.train), ...arraysOf(loaded.test)]) {
        expect(buffer).toBeInstanceOf(SharedArrayBuffer);
      }
    },
  );

  it.each(["none.csv", "short.csv"])("fails for %s as loading on this thread does", async (file) => {
    const failure = (loading: Promise<unknown>): Promise<object> =>
      loading.then(
        () => ({}),
        (error: unknown) => ShoalError.from(error).toJSON(),
      );
    const failed = await failure(loadDatasetInThread(csv(file), environment()));
    expect(failed).toMatchObject({ details: { file: join(folder, file) } });
    expect(failed).toEqual(await failure(loadDataset(csv(file), environment())));
  });

  it("leaves this thread free while digits are drawn in place of MNIST, and forwards the log", async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(request.url ?? "");
      response.writeHead(404).end();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const lines: string[] = [];
    const mirrors = [`http://${host}`];
    let ticksAfterDownload = 0;
    const timer = setInterval(() => (ticksAfterDownload += lines.length > 1 ? 1 : 0), 20);
    const log = (line: string): unknown => lines.push(line);
    await loadDatasetInThread({ type: "mnist" }, { ...environment(), mirrors, log });
    clearInterval(timer);
    server.close();
    expect(requests).toEqual(["/train-images-idx3-ubyte.gz"]);
    expect(lines).toEqual([
      `downloading MNIST from ${host}`,
      expect.stringContaining("status 404"),
      expect.stringMatching(/^using generated digits \(.*\) in place of MNIST$/),
    ]);
    // From the failed download to the answer there is nothing but drawing.
    expect(ticksAfterDownload).toBeGreaterThan(0);
  });
});
