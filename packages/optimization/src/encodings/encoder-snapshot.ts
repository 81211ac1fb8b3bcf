/** Whether what an encoder is to continue from is what such an encoder wrote. */
import { ShoalError } from "@shoal/errors";
import type { EncoderSnapshot } from "./encoding.ts";

interface Expected {
  readonly name: string;
  /** Lengths; null or undefined where there is nothing. */
  readonly residual: number | null;
  readonly factors: number | undefined;
}

/** @throws ShoalError snapshot_corrupt */
export function checkSnapshot(snapshot: EncoderSnapshot, expected: Expected): void {
  const { name } = expected;
  if (snapshot.name !== name) fail(name, `it is of ${snapshot.name}`);
  checkVector(name, "residual", snapshot.residual, expected.residual);
  checkVector(name, "factors", snapshot.factors, expected.factors ?? null);
}

function checkVector(name: string, what: string, vector: Float32Array | null, length: number | null): void {
  const isVector = vector instanceof Float32Array;
  if (length === null ? vector !== null : !isVector || vector.length !== length) {
    fail(name, `its ${what} has ${isVector ? vector.length : "no"} values, not ${length ?? "none"}`);
  }
  if (isVector && !vector.every(Number.isFinite)) fail(name, `its ${what} is not finite`);
}

function fail(encoding: string, sentence: string): never {
  throw new ShoalError("snapshot_corrupt", `The snapshot of an encoder (${encoding}) does not fit: ${sentence}.`, {
    encoding,
  });
}
