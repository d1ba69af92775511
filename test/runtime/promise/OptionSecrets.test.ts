/** A secret that is given to `createRuntime` in the wrong place or the wrong form is in no message and no log line. */
import { assert, describe, it } from "@effect/vitest"
import { ScriptedModel } from "@reins/runtime/testing"
import { Cause, Logger } from "effect"
import { make, options, places, refusal, tool } from "./EveryOption.ts"

describe("a secret among the options", () => {
  const canary = "sk-canary-5f3b0c9d"
  /** It may be read as the name of an option. */
  const named = "sk_canary_5f3b0c9d"
  const shapes: ReadonlyArray<unknown> = [
    canary,
    [canary],
    [[canary]],
    { key: canary },
    { [canary]: canary },
    { [named]: named },
    { openai: { [named]: null } },
    { find: canary },
    { find: () => canary, token: canary },
    { find: () => canary, cacheFor: canary },
    { lookups: canary },
    { lookups: [{ provider: canary }] },
    { lookups: [{ provider: "openai", find: canary }] },
    { lookups: [], every: canary },
    { openai: canary },
    { openai: [canary] },
    { url: "https://host", headers: { authorization: `Bearer ${canary}` } },
    { url: `https://user:${canary}@host`, secret: canary },
    new Map([["key", canary]]),
    new Error(canary),
    Object.assign(() => canary, { key: canary })
  ]

  /** The shapes in which it may be read as a name. */
  const names = { 0: "a text", 1: "a list of names", 4: "an object by names", 5: "an object by names" }

  /** Options whose value has names that the program gives: they are part of what is named. */
  const byName = /^(tools|models|agents\[0\]\.(models|approvals|tools|mcp|specialists|name))$/

  it.each(places)("is in no message, wherever it is in a wrong value: %s", (path, replaced) => {
    for (const [index, shape] of shapes.entries()) {
      if (!(index in names && byName.test(path))) {
        const message = refusal(replaced(shape)) ?? ""
        assert.notInclude(message, canary, `${path}, shape ${index}`)
        assert.notInclude(message, named, `${path}, shape ${index}`)
      }
    }
  })

  const wrongSecrets: ReadonlyArray<readonly [name: string, given: object]> = [
    ["providerKeys, a key for a model that takes none", { providerKeys: () => canary }],
    ["providerKeys, an object", { providerKeys: () => ({ key: canary }) }],
    [
      "providerKeys, a throw",
      {
        providerKeys: () => {
          throw new Error(canary)
        }
      }
    ],
    ["providerKeys, a rejection", { providerKeys: () => Promise.reject(new Error(canary)) }],
    ["credentials, text", { credentials: { find: () => canary } }],
    ["credentials, another object", { credentials: { find: () => ({ apiKey: canary }) } }],
    ["credentials, a wrong key", { credentials: { find: () => ({ key: [canary] }) } }],
    ["credentials, a wrong address", { credentials: { find: () => ({ key: canary, url: { canary } }) } }],
    ["credentials, a rejection", { credentials: { find: () => Promise.reject(new Error(canary)) } }]
  ]

  it.each(wrongSecrets)("is in no log line and no error of a run: %s", async (_name, given) => {
    const said: Array<string> = []
    const logger = Logger.make(({ cause, message }) => void said.push(`${String(message)} ${Cause.pretty(cause)}`))
    const options = {
      model: ScriptedModel.make({ replies: [ScriptedModel.text("Hello.")] }),
      agents: [{ name: "desk" }],
      logs: true,
      services: Logger.layer([logger]),
      ...given
    }
    await using runtime = make(options)
    said.push(await runtime.complete("Go").then(({ output }) => String(output), String))
    assert.isAbove(said.length, 1)
    assert.notInclude(said.join("\n"), canary)
  })

  it("is in no message about a model's name, whose address may have it", () => {
    const { models: _, ...unnamed } = options
    for (const wrong of [{ model: `openai:gpt@https://user:${canary}@host/v1` }, { model: `openai:gpt@${canary}` }]) {
      const message = refusal({ ...unnamed, ...wrong }) ?? ""
      assert.include(message, 'Model "openai:gpt@…" is a name')
      assert.notInclude(message, canary)
    }
  })

  it("is in no message where the option itself does not exist", () => {
    for (const wrong of [
      { apiKey: canary },
      { agents: [{ name: "desk", apiKey: canary }] },
      { tools: { look: { ...tool, headers: { authorization: canary } } } },
      { memory: { token: canary } }
    ]) {
      const message = refusal({ ...options, ...wrong }) ?? ""
      assert.match(message, /^Error: Unknown option /)
      assert.notInclude(message, canary)
    }
  })
})
