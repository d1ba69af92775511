import { assert, describe, it } from "@effect/vitest"
import { Grant } from "@reins/protocol"

const grant: Grant.Grant = {
  id: "g",
  scope: "thread",
  resourceId: "acme",
  threadId: "t",
  runId: "r",
  agentPath: [],
  toolName: "send",
  toolHash: "h1",
  grantedAt: 0
}
const claim: Grant.Claim = {
  resourceId: "acme",
  threadId: "t",
  runId: "another",
  agentPath: ["helper#1"],
  toolName: "send",
  toolHash: "h1",
  args: { to: "mia", pages: 2, tags: ["a", { deep: true, more: 1 }] }
}

describe("a grant", () => {
  it("covers a call of its tool, in its scope, for its tenant", () => {
    assert.isTrue(Grant.covers(grant, claim, 0))
    assert.isFalse(Grant.covers(grant, { ...claim, resourceId: "other" }, 0))
    assert.isFalse(Grant.covers(grant, { ...claim, threadId: "other" }, 0))
    assert.isFalse(Grant.covers(grant, { ...claim, toolName: "shred" }, 0))
    assert.isFalse(Grant.covers({ ...grant, scope: "run" }, claim, 0))
    assert.isTrue(Grant.covers({ ...grant, scope: "subtree", runId: "another" }, claim, 0))
    assert.isFalse(Grant.covers({ ...grant, scope: "subtree", runId: "another", agentPath: ["other#1"] }, claim, 0))
  })

  it("is void for a tool whose definition changed", () => {
    assert.isFalse(Grant.covers(grant, { ...claim, toolHash: "h2" }, 0))
  })

  it("ends with its expiry, its uses and its money", () => {
    assert.isTrue(Grant.covers({ ...grant, expiresAt: 10 }, claim, 9))
    assert.isFalse(Grant.covers({ ...grant, expiresAt: 10 }, claim, 10))
    assert.isFalse(Grant.covers(Grant.claimed({ ...grant, usesLeft: 1 }, claim).grant, claim, 0))
    const spent = (nanoUsd: number) => Grant.settled({ ...grant, nanoUsdLeft: 5 }, undefined, nanoUsd).grant
    assert.isFalse(Grant.covers(spent(9), claim, 0))
    assert.isTrue(Grant.covers(spent(4), claim, 0))
  })

  it("holds the maximum cost of a call, or everything that is left if that is unknown", () => {
    const limited = { ...grant, nanoUsdLeft: 5 }
    const taken = Grant.claimed(limited, { ...claim, nanoUsd: 2 })
    assert.deepInclude(taken.grant, { nanoUsdLeft: 3, nanoUsdHeld: 2 })
    assert.isFalse(Grant.covers(taken.grant, { ...claim, nanoUsd: 4 }, 0))
    const all = Grant.claimed(taken.grant, claim)
    assert.deepInclude(all.grant, { nanoUsdLeft: 0, nanoUsdHeld: 5 })
    assert.isFalse(Grant.covers(all.grant, claim, 0) || Grant.isUsedUp(all.grant))
  })

  it("releases the rest of a call's hold once, and charges its cost once", () => {
    const taken = Grant.claimed({ ...grant, nanoUsdLeft: 5 }, claim)
    const settled = Grant.settled(taken.grant, taken.claim, 2)
    assert.deepInclude(settled.grant, { nanoUsdLeft: 3, nanoUsdHeld: 0 })
    assert.deepStrictEqual(Grant.settled(settled.grant, settled.claim, 2).grant, settled.grant)
    const more = Grant.settled(settled.grant, settled.claim, 3)
    assert.deepInclude(more.grant, { nanoUsdLeft: 2, nanoUsdHeld: 0 })
    assert.deepStrictEqual(Grant.settled(more.grant, more.claim, 0).grant, more.grant)
    assert.isTrue(Grant.isUsedUp(Grant.settled(taken.grant, taken.claim, 9).grant))
  })

  it("matches arguments by the members that its matcher names, at any depth", () => {
    const matches = (matcher: Grant.Grant["matcher"]) =>
      Grant.covers(matcher === undefined ? grant : { ...grant, matcher }, claim, 0)
    assert.isTrue(matches({ to: "mia" }))
    assert.isTrue(matches({ tags: ["a", { deep: true }] }))
    assert.isFalse(matches({ to: "leo" }))
    assert.isFalse(matches({ tags: ["a"] }))
    assert.isFalse(matches({ missing: null }))
    assert.isFalse(matches({ toString: {} }))
    assert.isFalse(matches("mia"))
  })
})
