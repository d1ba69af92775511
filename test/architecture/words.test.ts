import { assert, describe, it } from "@effect/vitest"
import * as Repository from "./Repository.ts"

/** Words to avoid in names: those in `CONTEXT.md` that mean nothing else in code, with the word to use. */
const avoided = new Map([
  ["session", "thread"],
  ["conversation", "thread"],
  ["subagent", "specialist"],
  ["sub agent", "specialist"],
  ["function call", "tool call"],
  ["partial result", "progress"],
  ["permission engine", "gate"],
  ["allow list", "grant"],
  ["serializer", "dialect"]
])

/** Packages that use the names of foreign systems. */
const foreign = new Set(["wire", "models"])

/** `maxSubAgents` as ` max sub agents `. */
const spoken = (name: string) =>
  ` ${name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_\-\s]+/g, " ")
    .toLowerCase()} `

const avoidedIn = (name: string) => [...avoided.keys()].filter((word) => new RegExp(` ${word}s? `).test(spoken(name)))

/** Phrases that a reader must guess at, each with a standard one. */
const riddles: ReadonlyArray<readonly [RegExp, string]> = [
  [/what became of/i, "the result of"],
  [/\bnobody's\b/i, "say whose it is not, or that there is none"],
  [/\bwhat (is|are|they are|it is) told\b/i, "the notices, the message, the error"],
  [/\b(is|are) told of\b/i, "gets, receives, is notified of"],
  [/\bthat is none\b/i, "invalid, absent"],
  [/what the command line says/i, "the options of the command line"]
]

describe("the rule on plain wording", () => {
  it.each(["What became of it.", "What is told is stored.", "It is told of ended runs."])("finds: %s", (text) => {
    assert.isTrue(riddles.some(([phrase]) => phrase.test(text)))
  })

  it("holds for every file of the packages", () => {
    const wrong = Repository.packages
      .flatMap((one) => one.sources)
      .flatMap(({ path }) =>
        Repository.text(path)
          .split("\n")
          .flatMap((line, index) =>
            riddles
              .filter(([phrase]) => phrase.test(line))
              .map(([phrase, better]) => `${path}:${index + 1}: ${phrase.source} (say: ${better})`)
          )
      )
    assert.deepStrictEqual(wrong, [])
  })
})

describe("the rule on words to avoid", () => {
  it.each(["Session", "sessionId", "maxSubAgents", "Subagent", "FunctionCall", "allow_list"])("finds %s", (name) => {
    assert.isNotEmpty(avoidedIn(name))
  })

  it.each(["obsession", "thread", "functionCallee", "possessions"])("accepts %s", (name) => {
    assert.isEmpty(avoidedIn(name))
  })

  it("holds for every name in the packages", () => {
    const wrong = Repository.packages
      .filter((one) => !foreign.has(one.name))
      .flatMap((one) => one.sources)
      .flatMap((source) =>
        [...source.names].flatMap((name) =>
          avoidedIn(name).map((word) => `${source.path}: ${name} (say ${avoided.get(word)})`)
        )
      )
    assert.deepStrictEqual(wrong, [])
  })

  it("agrees with the glossary", () => {
    const glossary = Repository.has("CONTEXT.md")
      ? Repository.text("CONTEXT.md").toLowerCase().replaceAll("-", " ")
      : undefined
    const unknown = [...avoided].flat().filter((word) => !(glossary?.includes(word) ?? true))
    assert.deepStrictEqual(
      unknown.filter((word) => word !== "subagent"),
      []
    )
  })
})
