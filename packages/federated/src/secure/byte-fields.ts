/** Fields one after the other in bytes, big-endian: what messages of secure sums are written with. */
import { ShoalError } from "@shoal/errors";

export interface FieldWriter {
  /** 0 … 65,535. */
  count(value: number): void;
  /** Behind its length. */
  bytes(value: Uint8Array): void;
  text(value: string): void;
  list<T>(values: readonly T[], write: (value: T) => void): void;
  finish(): Uint8Array<ArrayBuffer>;
}

/** Copies what it is given. @throws RangeError from `count` */
export function createFieldWriter(): FieldWriter {
  const parts: Uint8Array[] = [];
  const count = (value: number): void => {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff)
      throw new RangeError(`expected 0 … 65535, got ${value}`);
    parts.push(Uint8Array.of(value >>> 8, value & 255));
  };
  const bytes = (value: Uint8Array): void => {
    count(value.length);
    parts.push(value);
  };
  return {
    count,
    bytes,
    text: (value) => bytes(new TextEncoder().encode(value)),
    list(values, write) {
      count(values.length);
      values.forEach(write);
    },
    finish() {
      const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    },
  };
}

/** All of them throw ShoalError codec_failed where the bytes end too early or a limit is exceeded. */
export interface FieldReader {
  count(most: number): number;
  /** A copy. */
  bytes(most: number): Uint8Array<ArrayBuffer>;
  text(mostBytes: number): string;
  list<T>(most: number, read: () => T): readonly T[];
  /** To be called behind the last field. */
  end(): void;
}

/** @param whole - of any origin, borrowed */
export function createFieldReader(whole: Uint8Array): FieldReader {
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (at + length > whole.length) throw refusal(`ends after ${whole.length} bytes`);
    at += length;
    return whole.subarray(at - length, at);
  };
  const count = (most: number): number => {
    const [high = 0, low = 0] = take(2);
    const value = high * 256 + low;
    if (value > most) throw refusal(`has ${value} of what there may be ${most} of`);
    return value;
  };
  const bytes = (most: number): Uint8Array<ArrayBuffer> => new Uint8Array(take(count(most)));
  return {
    count,
    bytes,
    text(mostBytes) {
      try {
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes(mostBytes));
      } catch (error) {
        throw error instanceof TypeError ? refusal("has text that is no UTF-8") : error;
      }
    },
    list: (most, read) => Array.from({ length: count(most) }, read),
    end() {
      if (at < whole.length) throw refusal(`has ${whole.length - at} bytes behind its end`);
    },
  };
}

const refusal = (what: string): ShoalError => new ShoalError("codec_failed", `a message of a secure sum ${what}`);
