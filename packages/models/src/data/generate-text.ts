/** Generated text: for language models where there is no file, the same on every machine. */
import { createCounterRandom } from "../random/counter-random.ts";

const sentences = 6_000;
const consonants = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "sh", "th", "st"] as const;
const vowels = ["a", "e", "i", "o", "u", "ea", "ou"] as const;
const lexiconSize = 300;

/** About 200,000 characters of sentences: few words are frequent, and each prefers some to follow it. */
export function generateText(): string {
  const random = createCounterRandom(3, "samples", 0);
  const pick = <T>(list: readonly T[], fallback: T): T => list[random.below(list.length)] ?? fallback;
  const word = (): string => {
    const syllables = Array.from({ length: 1 + random.below(3) }, () => pick(consonants, "b") + pick(vowels, "a"));
    return syllables.join("") + (random.below(2) === 0 ? pick(consonants, "n") : "");
  };
  const lexicon = Array.from({ length: lexiconSize }, word);
  const lines = Array.from({ length: sentences }, () => {
    let current = random.below(lexiconSize);
    const words = Array.from({ length: 3 + random.below(6) }, () => {
      // The smaller of three draws makes low numbers frequent; a word's successors stand close to it.
      const jump = Math.min(random.below(lexiconSize), random.below(lexiconSize), random.below(lexiconSize));
      current = (current * 7 + (jump % 12)) % lexiconSize;
      return lexicon[current] ?? "";
    });
    const text = words.join(" ");
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  });
  return `${lines.join("\n")}\n`;
}
