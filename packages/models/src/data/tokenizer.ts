/** Texts as tokens and back. */
import type { InputPreprocessing, TokenScheme } from "./preprocessing.ts";

export type TokensPreprocessing = Extract<InputPreprocessing, { kind: "tokens" }>;

export interface Tokenizer {
  /** Tokens are in [0, vocabulary). */
  readonly vocabulary: number;
  /** @returns undefined for a text with a character that has no token */
  encode(text: string): number[] | undefined;
  decode(tokens: Iterable<number>): string;
}

/** Numbers of tokens of the schemes whose vocabulary is fixed. */
const bytesVocabulary = 256;

/** Byte pairs: the vocabularies come with js-tiktoken, and are loaded on first use. */
const bytePairs: Readonly<Record<Exclude<TokenScheme, "characters" | "bytes">, () => Promise<BytePairs>>> = {
  r50k: async () => (await import("js-tiktoken/ranks/r50k_base")).default,
  cl100k: async () => (await import("js-tiktoken/ranks/cl100k_base")).default,
};

interface BytePairs {
  readonly pat_str: string;
  readonly special_tokens: Record<string, number>;
  readonly bpe_ranks: string;
}

/** The tokenizer that a model was trained with. */
export async function createTokenizer({
  scheme,
  characters,
}: Pick<TokensPreprocessing, "scheme" | "characters">): Promise<Tokenizer> {
  if (scheme === "bytes") return byteTokenizer();
  if (scheme === "characters") return characterTokenizer(characters ?? []);
  const { Tiktoken } = await import("js-tiktoken/lite");
  const pairs = await bytePairs[scheme]();
  const tiktoken = new Tiktoken({ ...pairs });
  return {
    vocabulary: Math.max(...Object.values(pairs.special_tokens)) + 1,
    // What looks like a special token is text like any other.
    encode: (text) => tiktoken.encode(text, [], []),
    decode: (tokens) => tiktoken.decode([...tokens]),
  };
}

function byteTokenizer(): Tokenizer {
  return {
    vocabulary: bytesVocabulary,
    encode: (text) => [...new TextEncoder().encode(text)],
    decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens)),
  };
}

function characterTokenizer(characters: readonly string[]): Tokenizer {
  const numbers = new Map(characters.map((character, number) => [character, number]));
  return {
    vocabulary: characters.length,
    encode(text) {
      const tokens: number[] = [];
      for (const character of text) {
        const number = numbers.get(character);
        if (number === undefined) return undefined;
        tokens.push(number);
      }
      return tokens;
    },
    decode: (tokens) => Array.from(tokens, (token) => characters[token] ?? "\uFFFD").join(""),
  };
}
