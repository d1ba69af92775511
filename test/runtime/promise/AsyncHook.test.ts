/** Hooks as plain functions: around a runtime's, an agent's and a tool's calls and steps. */
import { assert, describe, it } from "@effect/vitest"
import { createRuntime, Guardrail, Hook, hook, InputRepair, RunError } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"

const model = (args: unknown = { n: 1 }) =>
  ScriptedModel.make({
    respond: (request) => {
      if (request.tools.length === 0) return ScriptedModel.text("yes")
      return ScriptedModel.lastResults(request).length > 0
        ? ScriptedModel.text(JSON.stringify(ScriptedModel.lastResults(request)[0]?.result))
        : ScriptedModel.calls([{ id: "c1", name: "double", args: args as never }])
    }
  })

const parameters = {
  type: "object",
  properties: { n: { type: "number" } },
  required: ["n"],
  additionalProperties: false
} as const

describe("a hook of the promise front", () => {
  it("rewrites, redacts and asks by functions that return a verdict or a promise of one", async () => {
    const order: Array<string> = []
    const named = (name: string) =>
      hook({
        name,
        beforeCall: async ({ ask, issueOf, args }) => {
          order.push(name)
          assert.isUndefined(await issueOf(args))
          return (await ask({ prompt: "May it?" })) === "yes" ? Hook.withArguments({ n: 5 }) : Hook.refuse("no")
        },
        afterCall: ({ result }) => Hook.withResult(`${String(result)} ${name}`)
      })
    await using runtime = createRuntime({
      model: model(),
      tools: { double: { parameters, execute: ({ n }) => 2 * Number(n), hooks: [named("tool")] } },
      agents: [{ name: "desk", tools: ["double"], hooks: [named("agent")] }],
      hooks: [named("runtime")]
    })
    const { output } = await runtime.complete("Double 1")
    assert.strictEqual(output, '"10 tool agent runtime"')
    assert.deepStrictEqual(order, ["runtime", "agent", "tool"])
  })

  it("lets nothing through when it throws, rejects or returns nothing", async () => {
    for (const beforeStep of [
      () => {
        throw new Error("a throw")
      },
      () => Promise.reject(new Error("a rejection")),
      () => undefined as never
    ]) {
      await using runtime = createRuntime({
        model: model(),
        agents: [{ name: "desk" }],
        hooks: [hook({ name: "guard", beforeStep })]
      })
      const failure: unknown = await runtime.complete("Go").catch((error: unknown) => error)
      assert.isTrue(failure instanceof RunError && failure.reason._tag === "HookFailed")
    }
  })

  it("takes what ships, and a retry of a tool", async () => {
    let called = 0
    await using runtime = createRuntime({
      model: model({ n: "4" }),
      tools: {
        double: {
          parameters,
          retry: { times: 2, when: ({ attempt }) => attempt < 2 },
          execute: ({ n }) => {
            if (++called < 2) throw new Error("busy")
            return 2 * Number(n)
          }
        }
      },
      agents: [
        {
          name: "desk",
          tools: ["double"],
          hooks: [InputRepair.make(), Guardrail.output("fine", { check: () => undefined })]
        }
      ]
    })
    assert.strictEqual((await runtime.complete("Double 4")).output, "8")
    assert.strictEqual(called, 2)
  })
})
