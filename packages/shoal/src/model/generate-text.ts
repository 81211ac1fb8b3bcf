/**
 * Text from a language model: token after token, each drawn from the softmax of the logits at the last position, divided
 * by the temperature; at temperature 0 the likeliest.
 */
import { createRandom, type Random } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { createTokenizer, type Preprocessing, type Tokenizer } from "@shoal/models";
import type { FoundModel } from "./find-model.ts";
import { openPlan, type OpenPlan } from "./open-plan.ts";
import { preprocessingOf } from "./predict-rows.ts";

export interface GenerateOptions {
  readonly prompt: string;
  /** Tokens to add. */
  readonly length: number;
  readonly temperature: number;
  readonly seed: number;
}

/**
 * @returns the prompt and what follows it
 * @throws ShoalError invalid_argument - the model is no language model, or the prompt has a character it never met
 */
export async function generateText(model: FoundModel, options: GenerateOptions): Promise<string> {
  const preprocessing = preprocessingOf(model);
  const tokens = tokensOf(model, preprocessing);
  const tokenizer = await createTokenizer(tokens);
  const text = encodePrompt(tokenizer, options.prompt);
  const open = await openPlan(model, 1);
  const site = siteOf(model, open);
  const random = createRandom(options.seed);
  for (let count = 0; count < options.length; count += 1) {
    text.push(choose(logitsAfter(open, site, text), options.temperature, random));
  }
  return tokenizer.decode(text);
}

function tokensOf({ path }: FoundModel, { inputs }: Preprocessing): TokensInput {
  const [tokens] = Object.values(inputs);
  if (tokens?.kind === "tokens") return tokens;
  throw new ShoalError("invalid_argument", `${path} is not a language model: it takes no tokens`, { path });
}

type TokensInput = Extract<Preprocessing["inputs"][string], { readonly kind: "tokens" }>;

function encodePrompt(tokenizer: Tokenizer, prompt: string): number[] {
  const tokens = tokenizer.encode(prompt);
  if (tokens !== undefined && tokens.length > 0) return tokens;
  const foreign = Array.from(prompt).find((character) => tokenizer.encode(character) === undefined);
  const sentence =
    foreign === undefined
      ? "--prompt must not be empty"
      : `--prompt: the model never met the character ${JSON.stringify(foreign)}`;
  throw new ShoalError("invalid_argument", sentence, { prompt });
}

interface LanguageSite {
  readonly input: string;
  readonly output: string;
  readonly length: number;
  readonly vocabulary: number;
}

function siteOf({ path }: FoundModel, { plan }: OpenPlan): LanguageSite {
  const [[input, taken] = []] = Object.entries(plan.inputs);
  const [[output, given] = []] = Object.entries(plan.outputs);
  if (input !== undefined && taken?.kind === "tokens" && output !== undefined && given !== undefined) {
    const [positions, vocabulary] = given.shape;
    if (positions === taken.length && vocabulary === taken.vocabulary) {
      return { input, output, length: positions, vocabulary };
    }
  }
  throw new ShoalError("invalid_argument", `${path} does not give logits of a next token for every position`, { path });
}

/**
 * Logits of the token that follows. The window is filled from its beginning: a causal model does not see what comes
 * behind the last token.
 */
function logitsAfter(open: OpenPlan, site: LanguageSite, text: readonly number[]): Float32Array {
  const { input, output, length, vocabulary } = site;
  const window = text.slice(-length);
  const place = open.plan.inputs[input];
  if (place?.kind === "tokens") {
    place.tokens.fill(0);
    place.tokens.set(window);
  }
  open.forward(1);
  const last = (window.length - 1) * vocabulary;
  return open.output(output, 1).subarray(last, last + vocabulary);
}

function choose(logits: Float32Array, temperature: number, random: Random): number {
  const top = logits.reduce((best, logit, index) => (logit > logits[best]! ? index : best), 0);
  if (temperature === 0) return top;
  const weights = Array.from(logits, (logit) => Math.exp((logit - logits[top]!) / temperature));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  const drawn = weights.findIndex((weight) => (left -= weight) < 0);
  return drawn === -1 ? top : drawn;
}
