import { errorTable, ShoalError, type ErrorCode } from "@shoal/errors";
import fc from "fast-check";
import { expect, test } from "vitest";
import { errorOfTrailers, errorTrailer, errorTrailers, percentDecode, percentEncode } from "./error-wire.ts";

test("an error comes back from its trailers, which are printable ASCII", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.keys(errorTable) as ErrorCode[])),
      fc.string({ unit: "grapheme" }),
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((name) => name !== "__proto__"),
        fc.string({ unit: "grapheme" }),
        {
          maxKeys: 5,
          noNullPrototype: true,
        },
      ),
      (code, sentence, details) => {
        const error = new ShoalError(code, sentence, details);
        const trailers = errorTrailers(error);
        for (const value of Object.values(trailers)) expect(value).toMatch(/^[\x20-\x7e]*$/);
        const back = errorOfTrailers(trailers["grpc-status"], trailers["grpc-message"], trailers[errorTrailer]);
        expect(back?.toJSON()).toEqual(error.toJSON());
      },
    ),
  );
});

test("percent-encoding comes back, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(percentDecode(percentEncode(text))).toBe(text);
    }),
  );
  expect(percentEncode("50 % of Köln")).toBe("50 %25 of K%C3%B6ln");
  expect(percentDecode("100%")).toBe("100%");
});

test("arbitrary trailers make an error or none, never a crash", () => {
  const text = fc.option(fc.oneof(fc.string(), fc.json()), { nil: undefined });
  fc.assert(
    fc.property(text, text, text, (status, message, trailer) => {
      const error = errorOfTrailers(status, message, trailer);
      if (error !== undefined) expect(error.name).toBe("ShoalError");
      expect(error === undefined).toBe(status === "0");
    }),
  );
});

test("a foreign server's status becomes a code that says what to do", () => {
  expect(errorOfTrailers("14", "away", undefined)).toMatchObject({ code: "transport_lost" });
  expect(errorOfTrailers("16", "who?", undefined)).toMatchObject({ code: "unauthenticated" });
  expect(errorOfTrailers("12", "what?", undefined)).toMatchObject({ code: "internal" });
  expect(errorOfTrailers(undefined, undefined, undefined)).toMatchObject({ code: "internal" });
});
