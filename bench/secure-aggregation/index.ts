/**
 * A secure sum of 100 clients with a million values each, a tenth leaving in each stage: is it exact, how long does it take,
 * how many bytes. All clients and the server are in this process and take turns, so times are per client and of one core's
 * work; WebCrypto's ciphers run on threads of their own.
 */
import { graphParameters, type SecureSumPlan, type ThreatModel } from "@shoal/federated";
import { playSecureSum, type LastStage, type SumOutcome } from "../../test/support/secure-sum.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";

const clients: readonly string[] = Array.from({ length: 100 }, (_, i) => `client-${String(i).padStart(3, "0")}`);
const perStage = 10;
const chunk = 2 ** 16;
const bits = 32;
/** What the issue asks for: bytes of a client over those of its vector. */
const greatestExpansion = 1.1;

const subjects: readonly ThreatModel["server"][] = ["curious", "semi_malicious"];

export const benchmark: Benchmark = {
  name: "secure-aggregation",
  summary: "secure sums of 100 clients × 1 M values, a tenth leaving in each stage: exactness, time, bytes",
  run: measure,
};

async function measure(context: BenchmarkContext): Promise<Report> {
  const size = context.short === true ? 50_000 : 1_000_000;
  const rows: Row[] = [];
  for (const server of subjects) {
    if (!server.includes(context.only ?? "")) continue;
    rows.push(...(await measureOne(server, size, context)));
  }
  return {
    rows,
    notes: [
      `${clients.length} clients × ${size} values of ${bits} bits in chunks of ${chunk}; ${perStage} leave before each of the four rounds ends.`,
      "Of the roster up to 5 % may work with the server and 34 % leave; a curious server follows the protocol, a semi-malicious one may tell clients different things of who left.",
      "Time of a client is the mean over those who do the step; keys: two key pairs, shares, agreements and derivations with all neighbours. Bytes are of keys, shares and vector without envelopes.",
      "Exact: every value of the unmasked sum equals the sum modulo 2^32 that was computed in the clear.",
    ],
  };
}

/** Ten in a hundred leave before each round: without keys, without shares, without vector, without answer. */
function lastStage(client: string): LastStage {
  const index = clients.indexOf(client);
  return (["nothing", "advertise", "share", "mask"] as const)[index % 10] ?? "all";
}

/** Any 32 bits, different for each client and element. */
function fill(client: string, begin: number, into: Uint32Array): void {
  let word = Math.imul(clients.indexOf(client) + 1, 0x9e37_79b1) + begin;
  for (let index = 0; index < into.length; index++) {
    word = (Math.imul(word, 0x0019_660d) + 0x3c6e_f35f) | 0;
    into[index] = word ^ (word >>> 15);
  }
}

async function measureOne(
  server: ThreatModel["server"],
  size: number,
  { say, now }: BenchmarkContext,
): Promise<readonly Row[]> {
  const threat = { adversarialShare: 0.05, dropOutShare: 0.34, server };
  const plan: SecureSumPlan = {
    ...{ name: "bench", curve: "P-256", bits, minimumClients: 50, invited: clients.length, stageTimeoutMs: 60_000 },
    threat,
  };
  const inSum = clients.filter((client) => ["mask", "all"].includes(lastStage(client)));
  let right = 0;
  say(`${server}: ${JSON.stringify(graphParameters(90, threat))} for 90 clients with keys`);
  const began = now();
  const outcome = await playSecureSum({
    ...{ plan, clients, size, chunk, lastStage, fill, now },
    take(begin, sum) {
      const values = new Uint32Array(sum.length);
      const expected = new Uint32Array(sum.length);
      for (const client of inSum) {
        fill(client, begin, values);
        for (let index = 0; index < sum.length; index++)
          expected[index] = (expected[index] ?? 0) + (values[index] ?? 0);
      }
      for (let index = 0; index < sum.length; index++) if (sum[index] === expected[index]) right++;
    },
  });
  say(`${server}: ${((now() - began) / 1000).toFixed(1)} s, ${outcome.state.phase}`);
  if (outcome.state.phase !== "summed") throw new Error(JSON.stringify(outcome.state));
  // Also what nobody has looked at is not right.
  return rowsOf(server, outcome, { size, wrong: size - right, inSum: inSum.length });
}

function rowsOf(
  server: string,
  { bytes, spentMs, survivors, session }: SumOutcome,
  { size, wrong, inSum }: { size: number; wrong: number; inSum: number },
): readonly Row[] {
  const degree = session?.neighbours[0]?.length ?? 0;
  const name = (what: string): string => `${server}, ${what}`;
  const all = { unit: "bytes", limit: bytes.vector, limitName: "the vector alone" };
  return [
    figure(name("neighbours"), degree, "clients"),
    figure(name("threshold"), session?.threshold ?? 0, "clients"),
    compare({
      name: name("clients in the sum"),
      value: survivors.length,
      unit: "clients",
      limit: inSum,
      limitName: "masked",
      aim: { kind: "at_least", ratio: 1 },
    }),
    compare({
      name: name("values that are wrong"),
      value: wrong,
      unit: "values",
      limit: size,
      limitName: "all values",
      aim: { kind: "at_most", ratio: 0 },
    }),
    compare({
      ...all,
      name: name("up, one client"),
      value: bytes.up,
      aim: { kind: "at_most", ratio: greatestExpansion },
    }),
    figure(name("down, one client"), bytes.down, "bytes"),
    figure(name("keys and shares, one client"), spentMs.keys / 90, "ms"),
    figure(name("masking, one client"), spentMs.masks / inSum, "ms"),
    figure(name("adding and unmasking, server"), spentMs.server / 1000, "s"),
  ];
}
