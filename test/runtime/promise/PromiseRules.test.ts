/** Options of `createRuntime` that do not fit: each is refused when the runtime is made, by a message that names it. */
import { assert, describe, it } from "@effect/vitest"
import { Guardrail, hook, createRuntime, type AsyncAgent, type AsyncTool, type Options } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Layer } from "effect"

type Keys<A> = { readonly [K in keyof A]-?: unknown }

const model = ScriptedModel.make({ replies: [] })
const parameters = { type: "object", properties: {} } as const

/** A value that fits, for each option: one without a line here does not compile. */
const agent: Keys<AsyncAgent<string>> = {
  name: "desk",
  description: "Answers",
  input: parameters,
  output: parameters,
  instructions: "Answer.",
  tools: ["look"],
  mcp: [],
  memory: true,
  specialists: [],
  model,
  fallbacks: [model],
  models: { fast: model },
  resolve: () => undefined,
  approvals: { look: "never" },
  approvers: { roles: ["lead"] },
  budget: { maxSteps: 4 },
  maxOutputTokens: 100,
  maxParallelCalls: 2,
  repeatedCallLimit: 3,
  onOpenResults: "wait",
  compaction: undefined,
  hooks: [hook({ name: "see" })],
  toolSearch: false,
  recall: { limit: 3 },
  providerOptions: { openai: {} }
}

const tool: Keys<AsyncTool<typeof parameters>> = {
  description: "Looks",
  parameters,
  needsApproval: false,
  execute: () => "seen",
  timeoutMs: 1000,
  retries: 1,
  retry: undefined,
  hooks: [],
  concurrency: 1,
  isPlan: false,
  mayRepeat: true,
  maxCostUsd: 0.1,
  approvers: { roles: ["lead"] },
  asks: undefined
}

const options: Keys<Options<{}, ReadonlyArray<AsyncAgent<string>>>> = {
  model,
  agents: [agent],
  models: () => model,
  tools: { look: tool },
  mcp: {},
  budget: { maxSteps: 10 },
  quotas: [{ per: "tenant", window: "day", maxCostUsd: 5 }],
  services: Layer.empty,
  providerKeys: undefined,
  credentials: undefined,
  usageLookups: undefined,
  hooks: [],
  quotaWait: "1 second",
  metrics: false,
  logs: false,
  approvals: "never",
  approvalExpiresIn: "1 hour",
  approvalWarnBefore: 1000,
  unattended: "wait",
  modelRetries: 2,
  modelRetryEvents: false,
  toolInputEvents: true,
  midStreamFailure: "error",
  modelRetryDelay: 500,
  modelTimeout: "1 minute",
  modelIdleTimeout: "10 seconds",
  cancelGrace: 5000,
  repeatedCallLimit: 10,
  defaultMaxSteps: 100,
  maxDepth: 8,
  maxResultCharacters: 1000,
  maxFileBytes: 1024,
  memory: { memories: 10 },
  fileUrl: (id: string) => `/files/${id}`,
  captureContent: false
}

/** Makes a runtime of options that no type has seen. */
const make = (given: unknown) => createRuntime(given as never)

const refusal = (given: unknown): string | undefined => {
  try {
    void make(given)[Symbol.asyncDispose]()
    return undefined
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}

const misfits: ReadonlyArray<unknown> = [
  null,
  Number.NaN,
  -1,
  1.5,
  "",
  "some text",
  true,
  {},
  [],
  [null],
  [{}],
  { x: null },
  () => undefined,
  Symbol("s")
]

/** The options with one of them replaced. */
const places: ReadonlyArray<readonly [path: string, replaced: (value: unknown) => unknown]> = [
  ...Object.keys(options).map((name) => [name, (value: unknown) => ({ ...options, [name]: value })] as const),
  ...Object.keys(agent).map(
    (name) =>
      [`agents[0].${name}`, (value: unknown) => ({ ...options, agents: [{ ...agent, [name]: value }] })] as const
  ),
  ...Object.keys(tool).map(
    (name) =>
      [`tools.look.${name}`, (value: unknown) => ({ ...options, tools: { look: { ...tool, [name]: value } } })] as const
  )
]

describe("createRuntime", () => {
  it("takes the options that fit", () => {
    assert.isUndefined(refusal(options))
  })

  it.each(places)("takes, or refuses with a message that names it: %s", (path, replaced) => {
    const name = path.slice(path.lastIndexOf(".") + 1)
    for (const misfit of misfits) {
      const message = refusal(replaced(misfit))
      if (message === undefined) {
        // Nothing takes these two.
        assert.isFalse(misfit === null || typeof misfit === "symbol", `${path} = ${String(misfit)}`)
        continue
      }
      assert.notMatch(message, /^TypeError|undefined is not|Cannot read/, `${path} = ${String(misfit)}`)
      assert.include(message, name, `${path} = ${String(misfit)}`)
      if (misfit === null) assert.match(message, /: null\. [A-Z]|^Error: Invalid option \S+\. /)
    }
  })

  it("names the option, the value and the cure", () => {
    const of = (changed: object) => refusal({ model, agents: [{ name: "desk" }], ...changed })
    assert.match(of({ model: undefined }) ?? "", /Invalid option model: undefined\. Give a model, or the name of one/)
    assert.match(of({ agents: undefined }) ?? "", /Invalid option agents: undefined\. Give at least one agent/)
    assert.match(of({ agents: [] }) ?? "", /Invalid option agents: an empty list\. Give at least one agent/)
    assert.match(
      of({ hooks: [{ name: "plain", beforeStep: () => undefined }] }) ?? "",
      /Invalid option hooks\[0\]: an object\. Make it with hook\(/
    )
    assert.match(of({ modelRetries: "3" }) ?? "", /Invalid option modelRetries: "3"\. Use a whole number of at least 0/)
    assert.match(
      of({ tools: { "look up": { parameters, timeoutMs: -1 } } }) ?? "",
      /tools\["look up"\]\.timeoutMs: -1\./
    )
    assert.match(refusal(undefined) ?? "", /Invalid option of createRuntime: undefined\. Give an object of options/)
  })

  it("does not quote what may be a secret", () => {
    assert.notInclude(refusal({ ...options, providerKeys: "sk-secret" }) ?? "sk-secret", "sk-secret")
  })
})

describe("a guardrail of the promise front", () => {
  const { text } = ScriptedModel

  it("takes functions that return a reason, or a promise of one, and may ask a model", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({
        respond: (request) =>
          text(
            ScriptedModel.lastPrompt(request).startsWith("Is it rude?")
              ? "no"
              : request.messages.length > 1
                ? "Gladly."
                : "I promise."
          )
      }),
      agents: [{ name: "desk" }],
      hooks: [
        Guardrail.input("polite", {
          check: async (said, { ask }) => ((await ask({ prompt: `Is it rude? ${said}` })) === "no" ? undefined : "rude")
        }),
        Guardrail.output("no-promises", { check: (said) => (said.includes("promise") ? "Promise nothing" : undefined) })
      ]
    })
    assert.strictEqual((await runtime.complete("Help me")).output, "Gladly.")
  })

  it("lets nothing through when the check rejects, and says in the log how to see why", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({ replies: [text("never")] }),
      agents: [{ name: "desk" }],
      hooks: [Guardrail.input("broken", { check: () => Promise.reject(new Error("no connection")) })]
    })
    const failure: unknown = await runtime.complete("Go").catch((error: unknown) => error)
    assert.match(String(failure), /broken/)
  })
})
