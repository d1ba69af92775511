/** Arguments of wrong types, as programs without types give them to the functions of a running call and of a hook. */
import { assert, describe, it } from "@effect/vitest"
import { type Call, createRuntime, Hook, hook, RunError } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"

const parameters = { type: "object", properties: {} } as const

type Use = (call: Call) => Promise<unknown>

/** A runtime whose tool does one thing after the other, and what each was refused with. */
const begin = (...uses: ReadonlyArray<Use>) => {
  const said: Array<string> = []
  const work = {
    parameters,
    execute: async (_: unknown, call: Call) => {
      for (const use of uses) said.push(await use(call).then(() => "taken", String))
      return "done"
    }
  }
  const runtime = createRuntime({
    model: ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "c1", name: "work", args: {} }]), ScriptedModel.text("Ready.")]
    }),
    tools: { work },
    agents: [{ name: "desk", tools: ["work"] }]
  })
  return { runtime, said }
}

const refused: ReadonlyArray<readonly [use: Use, message: string]> = [
  [
    (call) => call.progress(undefined as never),
    "argument progress of progress(): undefined. Give an object such as { label, phaseIndex, totalPhases }"
  ],
  [
    (call) => call.progress({ label: 5, phaseIndex: 1, totalPhases: 2 } as never),
    "argument progress.label of progress(): 5. Give the text that is shown"
  ],
  [
    (call) => call.progress({ label: "x", phaseIndex: "1", totalPhases: 2 } as never),
    'argument progress.phaseIndex of progress(): "1". Give a number'
  ],
  [
    (call) => call.registerFile(null as never),
    "argument file of registerFile(): null. Give an object such as { filename, mediaType, sizeBytes }"
  ],
  [
    (call) => call.registerFile({ filename: "a", mediaType: "text/plain", sizeBytes: "4" as never }),
    'argument file.sizeBytes of registerFile(): "4". Use a whole number of at least 0'
  ],
  [
    (call) => call.storeFile(undefined as never),
    "argument file of storeFile(): undefined. Give an object such as { filename"
  ],
  [(call) => call.ask(undefined as never), 'option ask. Give an object such as { question: "Which one?"'],
  [(call) => call.ask({ question: 5, schema: {} } as never), "option ask.question. Give the text of the question"],
  [
    (call) => call.ask({ question: "Which?" } as never),
    'option ask.schema. Give the JSON Schema of the answer, such as { type: "string" }'
  ],
  [
    (call) => call.ask({ question: "Which?", schema: {}, options: "a, b" } as never),
    "option ask.options. Give a list of texts"
  ],
  [(call) => call.later({} as never), "option later().receipt: undefined. Give what the model reads at once"],
  [(call) => call.once(undefined as never, () => 1), "argument name of once(): undefined. Name the part"],
  [(call) => call.once("pay", 5 as never), "argument work of once(): 5. Give the function that does the work"],
  [(call) => call.memory.remember(5 as never), "argument text of remember(): 5. Give the text to remember"],
  [
    (call) => call.memory.remember("tea", { scope: "everyone" as never }),
    'option remember().scope: "everyone". Use "principal" or "tenant"'
  ],
  [(call) => call.memory.recall(null as never), "argument query of recall(): null. Give words to look for"],
  [
    (call) => call.memory.recall("tea", { limit: "5" as never }),
    'option recall().limit: "5". Use a whole number from 1'
  ],
  [(call) => call.memory.forget(undefined as never), "argument id of forget(): undefined. Give the id of a memory"],
  [(call) => call.reportCost(null as never), "reportCost: null. Use US dollars from 0 to 9007199.254740991"],
  [(call) => call.reportCost("1" as never), 'reportCost: "1". Use US dollars from 0 to 9007199.254740991'],
  [(call) => call.reportCost(undefined as never), "reportCost: undefined. Use US dollars from 0 to"],
  [(call) => call.reportCost("one dollar" as never), "reportCost: a value of type string. Use US dollars from 0 to"]
]

describe("a running call", () => {
  it("rejects arguments of wrong types by the function, the argument and the value, with the cure", async () => {
    const { runtime, said } = begin(...refused.map(([use]) => use))
    await using _closed = runtime
    const { output, summary } = await runtime.complete("Go.", { runId: "r", principal: "ada" })
    assert.strictEqual(output, "Ready.")
    for (const [index, [, message]] of refused.entries()) assert.include(said[index], `Invalid ${message}`)
    assert.strictEqual(summary.cost.costNanoUsd, 0)
    assert.deepStrictEqual((await runtime.memory.list()).memories, [])
    assert.deepStrictEqual(await runtime.approvals.pending(), [])
  })

  it("does not end the process where its progress is wrong and nobody awaits it", async () => {
    const { runtime } = begin((call) => {
      void call.progress({ lable: "x" } as never)
      return Promise.resolve()
    })
    await using _closed = runtime
    const rejections: Array<unknown> = []
    const note = (reason: unknown) => void rejections.push(reason)
    process.on("unhandledRejection", note)
    assert.strictEqual((await runtime.complete("Go.")).output, "Ready.")
    // Node reports a rejection once its microtasks have run.
    await new Promise(setImmediate)
    process.off("unhandledRejection", note)
    assert.deepStrictEqual(rejections, [])
  })
})

describe("a hook", () => {
  it("rejects costs that are no numbers, and questions that are no text", async () => {
    const said: Array<string> = []
    const guard = hook({
      name: "guard",
      beforeStep: async ({ ask, reportCost }) => {
        for (const usd of [null, "1", undefined, Number.NaN])
          said.push(await reportCost(usd as never).then(String, String))
        for (const question of [undefined, "Is it?", { prompt: 5 }, { prompt: "x", maxOutputTokens: "9" }]) {
          said.push(await ask(question as never).then(String, String))
        }
        return Hook.refuse("enough")
      }
    })
    const model = ScriptedModel.make()
    await using runtime = createRuntime({ model, agents: [{ name: "desk", hooks: [guard] }] })
    const failure = await runtime.complete("Go.").catch((error: unknown) => error)
    assert.instanceOf(failure, RunError)
    const expected = [
      "Invalid reportCost: null. Use US dollars",
      'Invalid reportCost: "1". Use US dollars',
      "Invalid reportCost: undefined. Use US dollars",
      "Invalid reportCost: NaN. Use US dollars",
      'Invalid option ask. Give an object such as { prompt: "Is this polite?" }',
      "Invalid option ask. Give an object",
      "Invalid option ask.prompt. Give the text that the model is asked",
      "Invalid option ask.maxOutputTokens. Use a whole number of at least 1"
    ]
    for (const [index, message] of expected.entries()) assert.include(said[index], message)
    assert.strictEqual(model.requests.length, 0)
  })
})
