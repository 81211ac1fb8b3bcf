/** A text as a stream of tokens that can be read as often as needed. */
import { ShoalError } from "@shoal/errors";
import type { TokenScheme } from "../data/preprocessing.ts";
import { createTextChunks } from "../data/text-chunks.ts";
import type { Tokenizer } from "../data/tokenizer.ts";

export interface TextSource {
  readonly name: string;
  /** Pieces end between characters, as those of a decoder do. */
  pieces(): AsyncIterable<string>;
}

export interface TokenStream {
  readonly name: string;
  /** @param onTokens borrows the next tokens until it returns */
  read(onTokens: (tokens: readonly number[]) => void): Promise<void>;
}

export function tokenStream(source: TextSource, scheme: TokenScheme, tokenizer: Tokenizer): TokenStream {
  const { name } = source;
  return {
    name,
    async read(onTokens) {
      const take = (part: string): void => {
        const tokens = tokenizer.encode(part);
        if (tokens === undefined) {
          throw new ShoalError("data_corrupt", `${name}: the file has changed while it was read`, { file: name });
        }
        onTokens(tokens);
      };
      const pairs = scheme !== "characters" && scheme !== "bytes";
      const chunks = createTextChunks(take);
      for await (const piece of source.pieces()) {
        if (pairs) chunks.push(piece);
        else take(piece);
      }
      chunks.end();
    },
  };
}

const characterLimit = 65_536;

/** The characters of all texts, in the order of their code points. @throws ShoalError invalid_argument for too many */
export async function charactersOf(sources: readonly TextSource[]): Promise<string[]> {
  const found = new Set<string>();
  for (const source of sources) {
    const { name } = source;
    for await (const text of source.pieces()) {
      for (const character of text) found.add(character);
      if (found.size <= characterLimit) continue;
      const sentence = `${name}: more than ${characterLimit} different characters; use bytes or byte pairs`;
      throw new ShoalError("invalid_argument", sentence, { file: name });
    }
  }
  return [...found].sort((left, right) => (left.codePointAt(0) ?? 0) - (right.codePointAt(0) ?? 0));
}
