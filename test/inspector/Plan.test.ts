import { assert, describe, it } from "@effect/vitest"
import {
  isSame,
  listsOf,
  moved,
  othersOf,
  schemaOf,
  without,
  withOthers,
  withSteps
} from "../../packages/inspector/page/Plan.ts"

const plan = { reason: "lease", stages: ["mail", "billing", "mainframe"], after: { day: 3 }, checks: [] }

describe("a plan that is revised", () => {
  it("has its lists as steps, and its other members beside them", () => {
    assert.deepStrictEqual(listsOf(plan), [
      { name: "stages", steps: ["mail", "billing", "mainframe"] },
      { name: "checks", steps: [] }
    ])
    assert.deepStrictEqual(othersOf(plan), { reason: "lease", after: { day: 3 } })
    assert.deepStrictEqual(listsOf(["mail"]), [{ steps: ["mail"] }])
    assert.isUndefined(othersOf(["mail"]))
    assert.deepStrictEqual(listsOf("mail"), [])
    assert.strictEqual(othersOf("mail"), "mail")
  })

  it("keeps what is not edited", () => {
    assert.deepStrictEqual(withSteps(plan, { name: "stages", steps: ["mail"] }), { ...plan, stages: ["mail"] })
    assert.deepStrictEqual(withSteps(["mail"], { steps: [] }), [])
    assert.deepStrictEqual(withOthers(plan, { reason: "fire" }), {
      reason: "fire",
      stages: ["mail", "billing", "mainframe"],
      checks: []
    })
    assert.strictEqual(withOthers("mail", "billing"), "billing")
  })

  it("has its steps moved and removed, and nothing else of them changed", () => {
    const steps = ["a", "b", "c", "d"]
    assert.deepStrictEqual(moved(steps, 2, 1), ["a", "c", "b", "d"])
    for (const from of steps.keys()) {
      for (const to of steps.keys()) {
        const after = moved(steps, from, to)
        assert.strictEqual(after[to], steps[from])
        assert.deepStrictEqual(without(after, to), without(steps, from))
      }
    }
  })

  it("is the same whatever the order of its members, and another by the order of its steps", () => {
    const { reason, ...rest } = plan
    assert.isTrue(isSame(plan, { ...rest, reason }))
    assert.isFalse(isSame(plan, { ...plan, stages: moved(plan.stages, 0, 1) }))
    assert.isFalse(isSame(plan, rest))
    assert.isFalse(isSame({ a: undefined }, { b: undefined }))
    assert.isFalse(isSame([], {}))
  })

  it("has a field for each member, with the type of its value", () => {
    assert.deepStrictEqual(schemaOf({ system: "mail", minutes: 5, isLast: true, hosts: ["a"], note: null }), {
      type: "object",
      properties: {
        system: { type: "string" },
        minutes: { type: "number" },
        isLast: { type: "boolean" },
        hosts: {},
        note: {}
      }
    })
  })
})
