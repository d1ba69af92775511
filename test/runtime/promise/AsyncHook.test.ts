/** Hooks as plain functions: around a runtime's, an agent's and a tool's calls and steps. */
import { assert, describe, it } from "@effect/vitest"
import { createRuntime, Guardrail, Hook, hook, InputRepair, Redaction, RunError } from "@reins/runtime/promise"
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
  it("gives the result that it names, whatever options code without types gives", () => {
    const options = { _tag: "Pass", result: "another", status: "failed" } as never
    assert.deepStrictEqual(Hook.withResult("mine", options), { _tag: "Result", result: "mine", status: "failed" })
  })

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

  it("lets nothing through where an option of its result is misspelt", async () => {
    await using runtime = createRuntime({
      model: model(),
      tools: { double: { parameters, execute: ({ n }) => 2 * Number(n) } },
      agents: [{ name: "desk", tools: ["double"] }],
      hooks: [hook({ name: "guard", afterCall: () => Hook.withResult("no", { statu: "failed" } as never) })]
    })
    const { output } = await runtime.complete("Double 1")
    assert.match(output, /"HookFailed"/)
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

describe("what hooks and guardrails of the promise front are made from", () => {
  const said = (make: () => unknown): string => {
    try {
      make()
      return ""
    } catch (error) {
      return String(error)
    }
  }
  const made = (definition: unknown) => said(() => hook(definition as never))

  it("is refused by the name of the hook and of the option", () => {
    assert.match(
      made({ name: "guard", beforeCal: () => Hook.pass }),
      /^Error: Unknown option hook\("guard"\)\.beforeCal\. .*\bbeforeCall\b/
    )
    assert.match(
      made({ name: "guard", beforeCall: "pass" }),
      /^Error: Invalid option hook\("guard"\)\.beforeCall: "pass"\. Give a fun/
    )
    assert.match(
      made({ name: "guard", tools: "refund" }),
      /^Error: Invalid option hook\("guard"\)\.tools: "refund"\. Give a list/
    )
    assert.match(
      made({ name: "guard", timeoutMs: "5 seconds" }),
      /hook\("guard"\)\.timeoutMs: "5 seconds"\. Use a number of milli/
    )
    assert.match(
      made({ name: "guard", timeoutMs: Number.NaN }),
      /hook\("guard"\)\.timeoutMs: NaN\. Use a number of milli/
    )
    assert.match(
      made({ beforeCall: () => Hook.pass }),
      /^Error: Invalid option hook\(\)\.name: undefined\. Give the hook a name/
    )
    assert.match(made(undefined), /^Error: Invalid option hook\(\): undefined\. Give an object/)
    assert.strictEqual(made({ name: "guard", tools: ["refund"], timeoutMs: 500, beforeCall: undefined }), "")
  })

  it("is refused by the name of the guardrail and of the option", () => {
    const guard = (options: unknown) => said(() => Guardrail.input("polite", options as never))
    assert.match(
      guard({ chek: () => undefined }),
      /^Error: Unknown option Guardrail\.input\("polite"\)\.chek\. Available options: check,/
    )
    assert.match(guard({}), /^Error: Invalid option Guardrail\.input\("polite"\)\.check: undefined\. Give a function/)
    assert.match(guard({ check: () => undefined, onFailed: "end" }), /\.onFailed: "end"\. Use "run" or "agent"/)
    assert.match(
      guard({ check: () => undefined, timeout: 5 }),
      /^Error: Unknown option Guardrail\.input\("polite"\)\.timeout\. /
    )
    const output = (options: unknown) => said(() => Guardrail.output("polite", options as never))
    assert.match(output({ check: () => undefined, onFailed: "run" }), /\.onFailed: "run"\. Use "again" or "end"/)
    assert.match(
      output({ check: () => undefined, holdText: true }),
      /^Error: Unknown option Guardrail\.output\("polite"\)\.holdText\. /
    )
  })

  it("is refused with the runtime where a hook of the runtime was made from something else", () => {
    const plain = ScriptedModel.make({ replies: [] })
    const of = (made: unknown) =>
      said(() => createRuntime({ model: plain, agents: [{ name: "desk", hooks: [made as never] }] }))
    assert.match(
      of(Redaction.make({ kinds: ["mail"] as never })),
      /^Error: Invalid option agents\[0\]\.hooks\[0\]: an object\. Invalid option Redaction\.make\(\)\.kinds\[0\]: "mail"\. Use "email" or /
    )
    assert.match(
      of(Redaction.make({ kinds: "email" as never })),
      /Redaction\.make\(\)\.kinds: "email"\. Give a list of kinds/
    )
    assert.match(
      of(Redaction.make({ kind: ["email"] } as never)),
      /Unknown option Redaction\.make\(\)\.kind\. Available options: kinds, /
    )
    assert.match(
      of(Redaction.make({ patterns: { id: "C-1" as never } })),
      /\.patterns\.id: "C-1"\. Give a regular expression/
    )
    assert.match(
      of(Hook.make("guard", { beforeCal: () => 1 } as never)),
      /Unknown option Hook\.make\("guard"\)\.beforeCal\. /
    )
    assert.match(
      of(Hook.make("guard", { timeout: { second: 5 } as never })),
      /Hook\.make\("guard"\)\.timeout: an object\. Use milli/
    )
    assert.match(
      of(Hook.make("guard", { tools: "refund" as never })),
      /Hook\.make\("guard"\)\.tools: "refund"\. Give a list/
    )
  })
})
