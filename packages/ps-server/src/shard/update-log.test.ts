import { describe, expect, test } from "vitest";
import { createUpdateLog } from "./update-log.ts";

const record = (version: number) => ({ version, contributions: [] });
const versions = (records: readonly { version: number }[]): number[] => records.map(({ version }) => version);

describe("update log", () => {
  test("keeps the newest updates, oldest first", () => {
    const log = createUpdateLog([], 3);
    for (const version of [1, 2, 3, 4, 5]) log.add(record(version));
    expect(versions(log.newest())).toEqual([3, 4, 5]);
    expect(versions(log.newest(2))).toEqual([4, 5]);
    expect(versions(log.newest(0))).toEqual([]);
  });

  test("goes on from the records it is given", () => {
    const log = createUpdateLog([1, 2, 3, 4].map(record), 3);
    log.add(record(5));
    expect(versions(log.newest())).toEqual([3, 4, 5]);
  });
});
