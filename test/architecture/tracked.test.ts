import { assert, describe, it } from "@effect/vitest"
import * as Repository from "./Repository.ts"

/** Where a pattern occurs, in files whose path matches `where`. The lockfile is checked for hosts only. */
const places = (pattern: RegExp, where: RegExp) =>
  Repository.files
    .filter((file) => where.test(file))
    .flatMap((file) =>
      Repository.text(file)
        .split("\n")
        .flatMap((line, index) => (pattern.test(line) ? `${file}:${index + 1}` : []))
    )

const anything = /(^|\/)[^/]*\.(ts|mjs|js|json|jsonc|ya?ml|md|txt|sh)$|^\.ci\/run$/
const code = /^(packages|examples|test|scripts)\/.*\.(ts|mjs)$/

describe("no file", () => {
  it("contains a path of somebody's machine", () => {
    assert.deepStrictEqual(
      places(/\/(home|Users)[/][a-z]\w*\/|\/root[/]|(^|[^\w.])\/wor[k]\/|\/tm[p]\/[a-z]+-/, anything),
      []
    )
  })

  it("contains the host of a registry", () => {
    assert.deepStrictEqual(places(/registry[.][a-z]+|[a-z]+:\/\/\S+[.]tgz/, anything), [])
  })

  it("leaves an unfinished task", () => {
    assert.deepStrictEqual(places(/\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b|not implemente[d]/, code), [])
  })

  it("runs only some of its tests", () => {
    assert.deepStrictEqual(
      places(/\b(it|test|describe|layer|effect|live|each)\.(only|skip|todo|fails)\b/, /\.test\.ts$/),
      []
    )
  })

  it("has Windows line endings", () => {
    assert.deepStrictEqual(places(/\r$/, code), [])
  })
})
