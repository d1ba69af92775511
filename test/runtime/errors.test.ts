import { assert, describe, it } from "@effect/vitest"
import * as Protocol from "@reins/protocol"
import * as Runtime from "@reins/runtime"
import * as Testing from "@reins/runtime/testing"
import { Arbitrary, Effect, Predicate, Schema } from "effect"

const isErrorClass = (value: unknown): value is Schema.Codec<Error> =>
  Predicate.isFunction(value) && value.prototype instanceof Error && Schema.isSchema(value)

const isModule = (value: unknown): value is object => Object.prototype.toString.call(value) === "[object Module]"

/** The error classes of a module, and of those that it exports under a name. */
const errors = (module: object): ReadonlyArray<readonly [string, Schema.Codec<Error>]> =>
  Object.entries(module).flatMap(([name, value]) =>
    isModule(value) ? errors(value) : isErrorClass(value) ? [[name, value] as const] : []
  )

const all = [...new Map([Protocol, Runtime, Testing].flatMap(errors))]

describe("an error", () => {
  it("is found where it is exported", () => {
    assert.includeMembers(
      all.map(([name]) => name),
      [
        "QueryRejected",
        "RunError",
        "ApprovalError",
        "RunNotFound",
        "CallNotFound",
        "InvalidAgents",
        "NeverSaid",
        "RateLimited"
      ]
    )
  })

  it.effect.each(all)("%s has a message whatever it is made of, and survives serialization", ([, schema]) =>
    Effect.gen(function* () {
      const samples = yield* Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 20 })
      for (const sample of samples) {
        // An issue is all that some have to say, and whoever makes them says it.
        const silent = Predicate.hasProperty(sample, "issue") && String(sample.issue).trim() === ""
        assert.isTrue(silent || sample.message.trim() !== "", JSON.stringify(sample))
        const back = yield* Schema.decodeUnknownEffect(schema)(yield* Schema.encodeEffect(schema)(sample))
        assert.strictEqual(back.message, sample.message)
      }
    })
  )
})
