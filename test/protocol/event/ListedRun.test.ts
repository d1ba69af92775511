import { assert, describe, it } from "@effect/vitest"
import { ListedRun } from "@reins/protocol"

describe("a run in a list", () => {
  it("says in words what it waits for, in the order of the list", () => {
    const { waitsFor } = ListedRun.waiting(["timer", "approval", "result", "client-tool", "timer"])
    assert.strictEqual(ListedRun.inWords(waitsFor), "a person, its client, late results, a time")
    assert.strictEqual(ListedRun.inWords([]), "")
    assert.strictEqual(ListedRun.inWords(), "")
  })
})
