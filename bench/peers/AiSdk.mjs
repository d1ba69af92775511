/**
 * The AI SDK, as its documentation has it: `streamText` with tools and a stop condition, its `fullStream` read to the end. A
 * run that waits for an approval has ended; what waits is its messages, kept here as the text that a store would keep.
 */
import { isStepCount, jsonSchema, streamText, tool } from "ai"

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 10, text: 10, reasoning: 0 }
}

const voice = {
  text: (delta) => ({ type: "text-delta", id: "0", delta }),
  call: (toolCallId, input) => ({ type: "tool-call", toolCallId, toolName: "work", input }),
  finish: (calls) => ({
    type: "finish",
    usage,
    finishReason: { unified: calls ? "tool-calls" : "stop", raw: undefined }
  })
}

/** A model for one run, which begins at `step`. */
const model = (script, step = 1) => ({
  specificationVersion: "v4",
  provider: "bench",
  modelId: "scripted",
  supportedUrls: {},
  doStream: async () => {
    const parts = script(step++, voice)
    let speaking = false
    return {
      stream: new ReadableStream({
        pull: async (controller) => {
          const { done, value } = await parts.next()
          if (done) return controller.close()
          if (value.type === "text-delta" && !speaking) {
            speaking = true
            controller.enqueue({ type: "text-start", id: "0" })
          }
          if (value.type === "finish" && speaking) controller.enqueue({ type: "text-end", id: "0" })
          controller.enqueue(value)
        }
      })
    }
  }
})

const parameters = jsonSchema({ type: "object", properties: { n: { type: "number" } }, required: ["n"] })

export const contestant = (work) => ({
  open: async (script, { gated }) => {
    const tools = {
      work: tool({
        description: work.description,
        inputSchema: parameters,
        execute: async ({ n }) => work.answer(n),
        needsApproval: gated
      })
    }
    const ask = (messages, step) =>
      streamText({ model: model(script, step), messages, tools, stopWhen: isStepCount(10_000) })
    const first = [{ role: "user", content: "go" }]
    const parkOne = async () => {
      const result = ask(first)
      let approvalId
      for await (const part of result.fullStream)
        if (part.type === "tool-approval-request") approvalId = part.approvalId
      const { messages } = await result.response
      return { approvalId, state: JSON.stringify([...first, ...messages]) }
    }
    const resumeOne = async ({ approvalId, state }) => {
      const answer = { role: "tool", content: [{ type: "tool-approval-response", approvalId, approved: true }] }
      let ended = false
      for await (const part of ask([...JSON.parse(state), answer], 2).fullStream) ended ||= part.type === "text-delta"
      if (!ended) throw new Error("a run did not go on")
    }
    return {
      run: async (onText) => {
        for await (const part of ask(first).fullStream) if (part.type === "text-delta") onText(part.text)
      },
      park: async (count) => {
        const parked = []
        for (let index = 0; index < count; index++) parked.push(await parkOne())
        return {
          resume: async () => {
            for (const one of parked) await resumeOne(one)
          }
        }
      }
    }
  }
})
