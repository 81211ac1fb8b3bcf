/** Cuts a stream of text so that each part can be turned into tokens on its own. */

export interface TextChunks {
  push(text: string): void;
  /** Gives out the rest. */
  end(): void;
}

/** A part longer than this is cut wherever it stands. */
const chunkLimit = 1 << 20;
/** A blank between two characters that are none: byte-pair schemes never join what stands before it to it. */
const safeCut = /(?<=\S) (?=\S)/gu;

/** The parts put together are the text; where it has blanks, cutting does not change its tokens. */
export function createTextChunks(onChunk: (text: string) => void): TextChunks {
  let kept = "";
  return {
    push(text) {
      kept += text;
      let cut = -1;
      for (const match of kept.matchAll(safeCut)) cut = match.index;
      if (cut < 0 && kept.length > chunkLimit) cut = kept.length - (isHighSurrogate(kept.at(-1)) ? 1 : 0);
      if (cut <= 0) return;
      onChunk(kept.slice(0, cut));
      kept = kept.slice(cut);
    },
    end() {
      if (kept !== "") onChunk(kept);
      kept = "";
    },
  };
}

function isHighSurrogate(character: string | undefined): boolean {
  const code = character?.charCodeAt(0) ?? 0;
  return code >= 0xd800 && code < 0xdc00;
}
