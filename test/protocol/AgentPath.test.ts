import { assert, describe, it } from "@effect/vitest"
import { AgentPath } from "@reins/protocol"
import { Schema } from "effect"

const Segment = Schema.Literals(["", "a", "b", "/", "~", "~0", "~1", "a/b", "planner#2", "__proto__"])
const Path = Schema.Array(Segment).check(Schema.isMaxLength(4))

describe("AgentPath", () => {
  it("names an agent's place by its specialist's name and the call that started it", () => {
    const planner = AgentPath.child(AgentPath.root, "planner", "2")
    assert.deepStrictEqual(planner, ["planner#2"])
    assert.deepStrictEqual(AgentPath.child(planner, "search", "c/1"), ["planner#2", "search#c/1"])
    assert.deepStrictEqual(AgentPath.root, [])
  })

  it.prop(
    "keys are equal exactly for equal paths",
    { a: Path, b: Path },
    ({ a, b }) => {
      const equal = a.length === b.length && a.every((segment, index) => segment === b[index])
      assert.strictEqual(AgentPath.key(a) === AgentPath.key(b), equal)
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "a key is the beginning of the keys below it, and of no other",
    { a: Path, b: Path },
    ({ a, b }) => {
      assert.strictEqual(AgentPath.key(b).startsWith(AgentPath.key(a)), AgentPath.isWithin(b, a))
      assert.isTrue(AgentPath.isWithin([...a, ...b], a))
    },
    { arbitrary: { runs: 1000 } }
  )

  it("lies within itself and its ancestors, not within its siblings or children", () => {
    const path = ["a#1", "b#2"]
    assert.isTrue(AgentPath.isWithin(path, path))
    assert.isTrue(AgentPath.isWithin(path, ["a#1"]))
    assert.isTrue(AgentPath.isWithin(path, AgentPath.root))
    assert.isFalse(AgentPath.isWithin(path, ["a#2"]))
    assert.isFalse(AgentPath.isWithin(["a#1"], path))
  })
})
