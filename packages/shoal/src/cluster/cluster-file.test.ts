import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveCluster } from "./cluster-address.ts";
import { liveClusters, writeClusterFile } from "./cluster-file.ts";

describe("cluster files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "shoal-clusters-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const file = (cluster: string, pid = process.pid) => ({ cluster, nats: "nats://127.0.0.1:1", token: "t", pid });

  it("are found while their process lives, and are readable by their user only", () => {
    const environment = { XDG_STATE_HOME: folder };
    const remove = writeClusterFile(file("a"), environment);
    const path = join(folder, "shoal", "clusters", "a.json");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(resolveCluster({}, environment)).toMatchObject({ cluster: "a", token: "t" });
    remove();
    expect(liveClusters(environment)).toEqual([]);
  });

  it("of dead processes are removed", () => {
    const environment = { XDG_STATE_HOME: folder };
    // Above the greatest process id that Linux hands out.
    writeClusterFile(file("dead", 2 ** 22 + 1), environment);
    expect(liveClusters(environment)).toEqual([]);
    expect(existsSync(join(folder, "shoal", "clusters", "dead.json"))).toBe(false);
  });

  it("that cannot be read are left to a keeper who still writes, and removed when nobody does", () => {
    const environment = { XDG_STATE_HOME: folder };
    writeClusterFile(file("a"), environment);
    const path = join(folder, "shoal", "clusters", "a.json");
    truncateSync(path);
    expect(liveClusters(environment)).toEqual([]);
    expect(existsSync(path)).toBe(true);
    utimesSync(path, 0, 0);
    expect(liveClusters(environment)).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  it("are refused to a second keeper, and stay as they are", () => {
    const environment = { XDG_STATE_HOME: folder };
    writeClusterFile(file("a"), environment);
    const second = { ...file("a"), token: "of the second" };
    expect(() => writeClusterFile(second, environment)).toThrow(/cluster_exists.*--cluster/s);
    expect(resolveCluster({}, environment).token).toBe("t");
  });

  it("say what to do when there is none, and when there are several", () => {
    const environment = { XDG_STATE_HOME: folder };
    expect(() => resolveCluster({}, environment)).toThrow(/shoal up/);
    writeClusterFile(file("a"), environment);
    writeClusterFile(file("b"), environment);
    expect(() => resolveCluster({}, environment)).toThrow(/--cluster/);
    expect(resolveCluster({ cluster: "b" }, environment).cluster).toBe("b");
  });

  it("an address without a token is refused", () => {
    expect(() => resolveCluster({ nats: "nats://127.0.0.1:4222" }, {})).toThrow(/SHOAL_TOKEN/);
  });
});
