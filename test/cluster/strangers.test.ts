/** What strangers do wrong: each mistake ends with a sentence that says what to do, and a non-zero exit. */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createWorkplace, runCommand, startCommand, type Workplace } from "../support/shoal-command.ts";

const job = {
  name: "tiny",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data: { type: "digits", samples: 1_000, testSamples: 200 },
  optimizer: { name: "sgd", learningRate: 0.1 },
};

describe("a stranger", () => {
  let workplace: Workplace;
  beforeEach(() => {
    workplace = createWorkplace();
  });
  afterEach(() => workplace[Symbol.dispose]());

  const write = (name: string, content: unknown): string => {
    const file = join(workplace.folder, name);
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
    return file;
  };
  const shoal = (...args: string[]) => runCommand(args, { workplace });

  it("asks for help and finds every command", async () => {
    const { code, text } = await shoal("--help");
    expect(code).toBe(0);
    for (const command of [
      "train",
      "up",
      "submit",
      "status",
      "trace",
      "inspect",
      "predict",
      "export",
      "coordinator",
      "server",
      "worker",
      "health",
    ]) {
      expect(text).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    }
    expect(text).toContain("SHOAL_DATA");
  });

  it("mistypes a command or an option", async () => {
    expect(await shoal("trian")).toMatchObject({
      code: 2,
      text: expect.stringContaining("Did you mean train") as string,
    });
    const { code, text } = await shoal("train", "job.json", "--workers", "none");
    expect(code).toBe(2);
    expect(text).toContain('expected a whole number from 1, got "none"');
  });

  it("names a job that is not there, or a file that is no job", async () => {
    expect(await shoal("train", "nothing.ts")).toMatchObject({
      code: 2,
      text: expect.stringContaining("there is no file") as string,
    });
    write("broken.json", "{ name: ");
    expect((await shoal("train", "broken.json")).text).toMatch(/broken\.json cannot be read as a job/);
    write("job.txt", "x");
    expect((await shoal("train", "job.txt")).text).toMatch(/\.ts, .*\.yaml/);
  });

  it("gets a field of the job wrong, in any layer of it, and reads the field and what was expected", async () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ batchSize: -1 }, /job\.batchSize/],
      [{ btachSize: 64 }, /btachSize/],
      [{ consistency: { mode: "eventual" } }, /job\.consistency/],
      [{ optimizer: { name: "sdg", learningRate: 0.1 } }, /job\.optimizer/],
      [{ optimizer: { name: "sgd", learningRate: "fast" } }, /job\.optimizer\.learningRate/],
      [{ model: { ...job.model, layers: [{ type: "dense", outputs: -3 }] } }, /job\.model\.layers\[0\]\.outputs.*-3/],
      [{ data: { type: "minst" } }, /job\.data/],
    ];
    await Promise.all(
      wrong.map(async ([change, message], index) => {
        const { code, text } = await shoal("train", write(`wrong-${index}.json`, { ...job, ...change }));
        expect(code).toBe(2);
        expect(text).toMatch(message);
      }),
    );
  });

  it("wants a job that waits for more workers than there are", async () => {
    const { code, text } = await shoal("train", write("many.json", { ...job, workers: 5 }));
    expect(code).toBe(2);
    expect(text).toMatch(/invalid_job: job\.workers.*5 workers.*2/);
  });

  it("chooses a learning rate that is far too large, and reads that training diverged and where", async () => {
    const layers = [
      { type: "dense", outputs: 16, activation: "relu" },
      { type: "dense", outputs: 10 },
    ];
    const wild = {
      ...job,
      model: { ...job.model, layers },
      optimizer: { name: "sgd", learningRate: 1e30 },
      epochs: 20,
    };
    const { code, text } = await shoal("train", write("wild.json", wild));
    expect(code).toBe(1);
    expect(text).toMatch(/not_finite: worker-\d.*diverged/);
  });

  it("reads errors as JSON under --json", async () => {
    const { code, text } = await shoal("train", write("wrong.json", { ...job, epochs: 0 }), "--json");
    expect(code).toBe(2);
    expect(JSON.parse(text)).toMatchObject({
      type: "error",
      error: { code: "invalid_job", details: { field: "job.epochs" } },
    });
  });

  it("writes jobs in YAML", async () => {
    const yaml = [
      "name: tiny",
      "model: { inputs: 784, layers: [{ type: dense, outputs: 10 }], loss: { type: softmax_cross_entropy } }",
      "data: { type: digits, samples: 1000, testSamples: 200 }",
      "optimizer: { name: sgd, learningRate: 0.05 }",
    ].join("\n");
    const { code, text } = await shoal("train", write("job.yaml", yaml));
    expect(text).toContain("test accuracy");
    expect(code).toBe(0);
  });

  it("names data that is missing or broken", async () => {
    const data = { type: "idx", images: "a", labels: "b", testImages: "c", testLabels: "d" };
    const missing = await shoal("train", write("missing.json", { ...job, data }));
    expect(missing.code).not.toBe(0);
    expect(missing.text).toMatch(/data_not_found.*\ba\b/s);
    write("short.csv", "label,x\n1,2\n3\n");
    const csv = { type: "csv", file: join(workplace.folder, "short.csv"), labelColumn: "label", hasHeader: true };
    const broken = await shoal("train", write("csv.json", { ...job, data: csv }));
    expect(broken.code).not.toBe(0);
    expect(broken.text).toMatch(/short\.csv.*3/s);
  });

  it("has a runs folder that cannot be written", async () => {
    // A file in the place of the folder fails for root as well, whom permissions do not stop.
    write("runs", "a file, not a folder");
    const { code, text } = await shoal("train", write("job.json", job));
    expect(code).toBe(errorExit);
    expect(text).toMatch(/file_not_writable.*--runs/s);
  });

  it("names a place for snapshots, or of data, that is none, and reads so before anything starts", async () => {
    const elsewhere = await shoal("up", "--snapshots", "ftp://somewhere");
    expect([elsewhere.code, elsewhere.text]).toEqual([usageExit, expect.stringMatching(/^shoal: .*s3:.*"ftp:.*\n$/)]);
    const missing = await shoal("up", "--data", join(workplace.folder, "none"));
    expect([missing.code, missing.text]).toEqual([
      errorExit,
      expect.stringMatching(/^shoal: data_not_found.*--data\n$/),
    ]);
  });

  it("wants clients to train in a process that none can reach", async () => {
    const federated = { rounds: 1, aggregation: { name: "fedavg", goal: 2 }, local: { learningRate: 0.1 } };
    const { code, text } = await shoal("train", write("job.json", { ...job, federated }));
    expect([code, text]).toEqual([usageExit, expect.stringMatching(/^shoal: invalid_argument: .*shoal edge.*\n$/)]);
  });

  it("has no nats-server", async () => {
    const { code, text } = await runCommand(["up"], {
      workplace,
      environment: { NATS_SERVER_BIN: "/nowhere/nats-server" },
    });
    expect(code).not.toBe(0);
    expect(text).toMatch(/\nshoal: missing_tool: .*NATS_SERVER_BIN.*\n$/);
  });

  it("wants a NATS port that is taken", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    const { port } = blocker.address() as { port: number };
    const { code, text } = await shoal("up", "--nats-port", String(port));
    blocker.close();
    expect(code).not.toBe(0);
    expect(text).toContain(`port ${port} is taken`);
  });

  it("submits without a cluster, and to one that does not answer", async () => {
    const file = write("job.json", job);
    expect((await shoal("submit", file)).text).toContain("shoal up");
    const away = await runCommand(["status", "--nats", "nats://127.0.0.1:9"], {
      workplace,
      environment: { SHOAL_TOKEN: "x" },
    });
    expect(away.code).not.toBe(0);
    expect(away.text).toMatch(/transport_lost.*127\.0\.0\.1:9/s);
  });

  it("starts a role without address or token", async () => {
    expect((await shoal("worker")).text).toContain("--nats");
    expect((await shoal("worker", "--nats", "nats://127.0.0.1:9")).text).toContain("SHOAL_TOKEN");
  });

  it("asks for the trace of a run that is not there", async () => {
    mkdirSync(join(workplace.folder, "runs"));
    const { code, text } = await shoal("trace", "nothing-1");
    expect(code).not.toBe(0);
    expect(text).toMatch(/run_not_found.*nothing-1/s);
  });

  it("presses Ctrl-C during training, and the process ends within two seconds with code 130", async () => {
    const long = write("long.json", { ...job, epochs: 100_000 });
    await using command = startCommand(["train", long], { workplace });
    await command.waitFor(/step \d+/);
    const pressed = performance.now();
    command.process.kill("SIGINT");
    expect(await command.ended).toBe(130);
    expect(performance.now() - pressed).toBeLessThan(2_000);
  });
});

/** Exit code of `file_not_writable` in the error table. */
const errorExit = 1;
const usageExit = 2;
