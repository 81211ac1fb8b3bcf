/** Data sets for language models. */
import type { TokenScheme } from "./preprocessing.ts";

/** Plain text (UTF-8): samples are windows of `length` tokens, to be followed by their next ones. */
export interface TextDatasetSpec {
  readonly type: "text";
  readonly file: string;
  /** Without it the last `testShare` of the tokens is for testing. */
  readonly testFile?: string | undefined;
  /** `characters`: those of the text, sorted; `bytes`: of UTF-8; or byte pairs of a vocabulary that comes along. */
  readonly tokens: TokenScheme;
  /** Tokens of a window. */
  readonly length: number;
  /** Tokens from one training window to the next; default `length`. Test windows never overlap. */
  readonly stride?: number | undefined;
  /** Default 0.1. */
  readonly testShare?: number | undefined;
  /** True: generated text where the file is not found, so that an example runs anywhere; the log says so. */
  readonly substitute?: boolean | undefined;
}
