import { assert, describe, it } from "@effect/vitest"
import { askPerson, createRuntime, Decision, Question } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"

const world = (ask: ReturnType<typeof askPerson>, args: object) =>
  createRuntime({
    model: ScriptedModel.make({
      respond: (request) => {
        const [answer] = ScriptedModel.lastResults(request)
        return answer === undefined
          ? ScriptedModel.calls([{ id: "c", name: "ask", args: { question: "Which?", ...args } }])
          : ScriptedModel.text(JSON.stringify(answer.result))
      }
    }),
    tools: { ask },
    agents: [{ name: "desk", tools: ["ask"] }]
  })

describe("a tool that asks a person, without Effect,", () => {
  it("asks with the model's options, refuses what does not fit, and returns the answer", async () => {
    await using runtime = world(askPerson(), { options: ["red", "blue"] })
    const { result } = await runtime.start("Go.")
    let [open] = await runtime.pendingApprovals()
    while (open === undefined) [open] = await runtime.pendingApprovals()
    const { request } = open
    assert.deepStrictEqual(Question.of(request)?.options, ["red", "blue"])
    const wrong = await runtime.respondToApproval(request.id, Decision.answer("green")).catch((error) => error)
    assert.include(String(wrong.message), 'Answer with one of "red", "blue"')
    await runtime.respondToApproval(request.id, Decision.answer("blue"))
    assert.strictEqual((await result()).output, '"blue"')
  })

  it("asks for an answer with a schema of the program, which a submitted result gives, too", async () => {
    const answer = { type: "object", properties: { euros: { type: "number" } }, required: ["euros"] } as const
    await using runtime = world(askPerson({ answer }), {})
    const { result, runId } = await runtime.start("Go.")
    let [open] = await runtime.pendingApprovals()
    while (open === undefined) [open] = await runtime.pendingApprovals()
    assert.deepInclude(Question.of(open.request)?.schema, { type: "object", required: ["euros"] })
    const wrong = await runtime.submitToolResult(runId, "c", { result: { euros: "5" } }).catch((error) => error)
    assert.include(String(wrong.message), "euros")
    await runtime.submitToolResult(runId, "c", { result: { euros: 5 } })
    assert.strictEqual((await result()).output, '{"euros":5}')
  })

  it("is refused where it is made from something else, by the name of the option", () => {
    const made = (options: unknown) => () => askPerson(options as never)
    assert.throws(made({ answr: {} }), /^Unknown option askPerson\(\)\.answr\. Available options: description, answer$/)
    assert.throws(made({ answer: "string" }), /^Invalid option askPerson\(\)\.answer: "string"\. Give a schema of zod/)
    assert.throws(
      made({ answer: { city: "string" } }),
      /^Invalid option askPerson\(\)\.answer: an object\. Give a schema/
    )
    assert.throws(made("Which?"), /^Invalid option askPerson\(\): "Which\?"\. Give an object such as/)
  })
})
