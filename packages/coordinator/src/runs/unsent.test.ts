import { expect, test } from "vitest";
import { noteUnsent, noUnsent, unsentStatus } from "./unsent.ts";

const everybody = (): boolean => true;
const both = noteUnsent(
  noteUnsent(noUnsent, { member: 1, incarnation: 1 }, { unsentNorm: 3 }),
  { member: 2, incarnation: 1 },
  { unsentNorm: 4 },
);

test("nothing is said where nothing is encoded", () => {
  expect(unsentStatus(noteUnsent(noUnsent, { member: 1, incarnation: 1 }, {}), everybody)).toBeUndefined();
});

test("the unsent error of those who take part adds up, and that of others is lost", () => {
  expect(unsentStatus(both, everybody)).toEqual({ norm: 5, lostWorkers: 0, lostNorm: 0 });
  expect(unsentStatus(both, ({ member }) => member === 1)).toEqual({ norm: 3, lostWorkers: 1, lostNorm: 4 });
});

test("whoever comes again with its error has lost nothing, whoever comes without it has lost it for good", () => {
  const life = { member: 2, incarnation: 2 };
  const restored = noteUnsent(both, life, { unsentNorm: 4, restored: true });
  expect(unsentStatus(restored, everybody)).toEqual({ norm: 5, lostWorkers: 0, lostNorm: 0 });
  const afresh = noteUnsent(both, life, { unsentNorm: 0 });
  expect(unsentStatus(afresh, everybody)).toEqual({ norm: 3, lostWorkers: 1, lostNorm: 4 });
  expect(unsentStatus(noteUnsent(afresh, life, { unsentNorm: 0 }), everybody)).toMatchObject({ lostWorkers: 1 });
});
