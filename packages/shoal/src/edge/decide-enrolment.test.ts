import { describe, expect, it } from "vitest";
import { decideEnrolment, nameOfKey, passMs, type EnrolmentFacts } from "./decide-enrolment.ts";

const publicKey = `U${"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".repeat(2).slice(0, 55)}`;
const facts: EnrolmentFacts = {
  ...{ cluster: "here", task: "newest", isFixed: false, asked: null, ticket: null, isOpen: true, publicKey },
  nowMs: 1_000_000,
  endOf: () => undefined,
};
const ticket = { cluster: "here", task: "invited", client: null, expiresAt: 5_000 };

describe("an enrolment", () => {
  it("without an invitation is to the task of now, and stays with the one that the client is in", () => {
    expect(decideEnrolment(facts)).toMatchObject({ kind: "enrol", task: "newest", untilMs: 1_000_000 + passMs });
    expect(decideEnrolment({ ...facts, asked: "older" })).toMatchObject({ kind: "enrol", task: "older" });
    // The coordinator may be away while a client's pass ends.
    expect(decideEnrolment({ ...facts, task: undefined, asked: "older" })).toMatchObject({ task: "older" });
    expect(decideEnrolment({ ...facts, isFixed: true, asked: "older" })).toMatchObject({ task: "newest" });
    expect(decideEnrolment({ ...facts, task: undefined })).toMatchObject({ kind: "refuse", code: "run_not_found" });
  });

  it("with an invitation is to its task, until it ends", () => {
    expect(decideEnrolment({ ...facts, ticket })).toMatchObject({ task: "invited", client: nameOfKey(publicKey) });
    const named = { ...ticket, client: "ward-3", expiresAt: 1_001 };
    expect(decideEnrolment({ ...facts, ticket: named })).toMatchObject({ client: "ward-3", untilMs: 1_001_000 });
    expect(decideEnrolment({ ...facts, ticket: { ...ticket, expiresAt: 1_000 } })).toMatchObject({
      ...{ kind: "refuse", code: "unauthenticated" },
      reason: "the invitation has ended; whoever runs the task can make another",
    });
  });

  it("is to no task that has ended, with an invitation or without", () => {
    const ended = { ...facts, endOf: (task: string) => (task === "newest" ? undefined : "completed") };
    expect(decideEnrolment(ended)).toMatchObject({ kind: "enrol", task: "newest" });
    expect(decideEnrolment({ ...ended, asked: "older" })).toMatchObject({ code: "permission_denied" });
    expect(decideEnrolment({ ...ended, ticket })).toMatchObject({
      ...{ kind: "refuse", code: "permission_denied" },
      reason: "run invited has ended: completed; whoever wants to take part needs another one",
    });
  });

  it("needs an invitation where not everybody is let in", () => {
    const closed = { ...facts, isOpen: false };
    expect(decideEnrolment(closed)).toMatchObject({ kind: "refuse", code: "unauthenticated" });
    expect(decideEnrolment({ ...closed, asked: "older" })).toMatchObject({ kind: "refuse", code: "unauthenticated" });
    expect(decideEnrolment({ ...closed, ticket })).toMatchObject({ kind: "enrol" });
    expect(decideEnrolment({ ...facts, ticket: undefined })).toMatchObject({ kind: "refuse", code: "unauthenticated" });
  });
});
