import { assert, describe, it } from "@effect/vitest"
import { AgentPath } from "@reins/protocol"
import { Schema } from "effect"

const Segment = Schema.Literals(["", "a", "b", "/", "~", "~0", "~1", "a/b", "planner#2", "__proto__"])
const Call = Schema.Struct({
  path: Schema.Array(Schema.Literals(["a#1", "a#1/b", "a#~1", "~a#1"])).check(Schema.isMaxLength(2)),
  id: Schema.Literals(["", "b", "a#1/b", "~a#1~1b", "a#1~1b", "~b", "~0b", "~~0b", "a#1", "/b", "a#1/a#1/b", "#/b"])
})
const Path = Schema.Array(Segment).check(Schema.isMaxLength(4))

describe("AgentPath", () => {
  it("names an agent's position by its specialist's name and the call that started it", () => {
    const planner = AgentPath.child(AgentPath.root, "planner", "2")
    assert.deepStrictEqual(planner, ["planner#2"])
    assert.deepStrictEqual(AgentPath.child(planner, "search", "c/1"), ["planner#2", "search#c/1"])
    assert.deepStrictEqual(AgentPath.root, [])
  })

  it.prop(
    "has keys that are equal exactly for equal paths",
    { a: Path, b: Path },
    ({ a, b }) => {
      const equal = a.length === b.length && a.every((segment, index) => segment === b[index])
      assert.strictEqual(AgentPath.key(a) === AgentPath.key(b), equal)
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "has a key that is a prefix of the keys below it, and of no other",
    { a: Path, b: Path },
    ({ a, b }) => {
      assert.strictEqual(AgentPath.key(b).startsWith(AgentPath.key(a)), AgentPath.isWithin(b, a))
      assert.isTrue(AgentPath.isWithin([...a, ...b], a))
    },
    { arbitrary: { runs: 1000 } }
  )

  it.prop(
    "has call keys that are equal exactly for equal paths and ids, whatever id a model invents",
    { a: Call, b: Call },
    ({ a, b }) => {
      const equal = a.id === b.id && AgentPath.key(a.path) === AgentPath.key(b.path)
      assert.strictEqual(AgentPath.callKey(a.path, a.id) === AgentPath.callKey(b.path, b.id), equal)
    },
    { arbitrary: { runs: 2000 } }
  )

  it("leaves unambiguous ids unchanged, so that keys made before stay valid", () => {
    for (const id of ["call_1", "toolu_01A", "chatcmpl-tool-3f", "a/b", "functions.lend:0", "x~1", "fc_1|call_2"]) {
      assert.strictEqual(AgentPath.callKey(AgentPath.root, id), id)
      assert.strictEqual(AgentPath.callKey(["planner#2"], id), `planner#2/${id}`)
    }
    assert.notStrictEqual(AgentPath.callKey(AgentPath.root, "planner#2/c"), AgentPath.callKey(["planner#2"], "c"))
  })

  it("is within itself and its ancestors, not within its siblings or children", () => {
    const path = ["a#1", "b#2"]
    assert.isTrue(AgentPath.isWithin(path, path))
    assert.isTrue(AgentPath.isWithin(path, ["a#1"]))
    assert.isTrue(AgentPath.isWithin(path, AgentPath.root))
    assert.isFalse(AgentPath.isWithin(path, ["a#2"]))
    assert.isFalse(AgentPath.isWithin(["a#1"], path))
  })
})
