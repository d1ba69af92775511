import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Predicate, Schema } from "effect"
import { posix } from "node:path"
import * as Repository from "./Repository.ts"

/** An entry of `exports` as it is after the build: `./src/A.ts` becomes its types and its code in `dist`. */
const built = (target: Repository.Target): Repository.Target => {
  if (typeof target !== "string" || !target.startsWith("./src/")) return target
  const path = target.replace("./src/", "./dist/").replace(/\.ts$/, "")
  return { types: `${path}.d.ts`, default: `${path}.js` }
}

const isModule = (value: unknown): value is object =>
  Predicate.isObject(value) && Object.prototype.toString.call(value) === "[object Module]"

const isErrorClass = (value: unknown): value is Schema.Codec<Error> =>
  Predicate.isFunction(value) && value.prototype instanceof Error && Schema.isSchema(value)

/** Classes of errors in a module and in the modules that it exports under a name. */
const errorClasses = (module: object): ReadonlyArray<readonly [string, Schema.Codec<Error>]> =>
  Object.entries(module).flatMap(([name, value]) =>
    isModule(value) ? errorClasses(value) : isErrorClass(value) ? [[name, value]] : []
  )

describe.each(Repository.packages)("$name", ({ manifest, name }) => {
  const entries = Object.entries(manifest.exports ?? {}).filter(([entry]) => !entry.includes("*"))

  it("publishes the build of everything it exports", () => {
    const expected = Object.entries(manifest.exports ?? {}).map(([entry, target]) => [entry, built(target)])
    assert.deepStrictEqual(Object.entries(manifest.publishConfig?.exports ?? {}), expected)
    assert.strictEqual(manifest.publishConfig?.access, "public")
  })

  it("exports only files that exist", () => {
    const missing = entries.filter(
      ([, target]) => typeof target === "string" && !Repository.has(posix.join("packages", name, target))
    )
    assert.deepStrictEqual(missing, [])
  })

  it.effect.each(entries.filter(([entry]) => !entry.endsWith(".json")).map(([entry]) => entry))(
    "%s loads, and its errors say something",
    (entry) =>
      Effect.gen(function* () {
        const specifier = posix.join(manifest.name, entry)
        const module = yield* Effect.promise((): Promise<object> => import(/* @vite-ignore */ specifier))
        for (const [error, schema] of errorClasses(module)) {
          const samples = yield* Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 10 })
          assert.isTrue(
            samples.some((sample) => sample.message.trim() !== ""),
            `${error} has no message`
          )
        }
      })
  )
})
