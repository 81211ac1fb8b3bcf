/**
 * Encodings of pushes, whole: the sending end with its error feedback and both norms, the receiving end as it adds. GB/s
 * counts the float32 vector alone, which is what all encodings have in common.
 */
import { createDecoder, createEncoder, parseEncodingSpec } from "@shoal/optimization";
import type { KernelCase } from "./case.ts";
import { vectorCase, vectorLength } from "./vector-case.ts";

const names = ["bfloat16", "float16", "int8", "int4", "one_bit", "two_bit", "top_k", "random_k", "power_sgd"];

/** A matrix of 1,024 × 1,024 for power_sgd. */
const matrices = [{ offset: 0, rows: 1024, columns: vectorLength / 1024 }];

export const codecCases: readonly KernelCase[] = names.flatMap((name) => [
  vectorCase(`encode a push as ${name}`, 4, undefined, ({ site }) => {
    const { kernels, memory } = site;
    const encoder = createEncoder(concrete(name), { size: vectorLength, kernels, memory, matrices });
    const [vector, into] = [site.floats(vectorLength).at, site.bytes(encoder.bytes)];
    let draw = 0;
    return {
      kernel: () => void encoder.encode(vector, into, draw++),
      release: () => encoder.dispose(),
    };
  }),
  vectorCase(`add a push from ${name}`, 4, undefined, ({ site }) => {
    const { kernels, memory } = site;
    const place = { size: vectorLength, kernels, memory, matrices };
    const [encoder, decoder] = [createEncoder(concrete(name), place), createDecoder(concrete(name), place)];
    const [vector, from, into] = [
      site.floats(vectorLength).at,
      site.bytes(encoder.bytes),
      site.bytes(4 * vectorLength),
    ];
    encoder.encode(vector, from, 0);
    encoder.dispose();
    return {
      kernel: () => decoder.accumulate(from, decoder.bytes, into, 1e-6),
      release: () => decoder.dispose(),
    };
  }),
]);

function concrete(name: string): Parameters<typeof createEncoder>[0] {
  const spec = parseEncodingSpec({ name });
  if (spec.name === "auto") throw new RangeError("auto is no encoding");
  return spec;
}
