/**
 * The OpenAI Agents SDK, as its documentation has it: a runner, a streamed run, its events read to the end; tracing off. A run
 * that waits for an approval has ended; what waits is its state, kept here as the text that `toString` gives.
 */
import { Agent, Runner, RunState, tool } from "@openai/agents"
import { z } from "zod"

const usage = { requests: 1, inputTokens: 10, outputTokens: 10, totalTokens: 20 }

/** How one answer is written; what it said is repeated at its end. */
const voice = () => {
  const output = []
  let said = ""
  return {
    text: (delta) => {
      said += delta
      return { type: "output_text_delta", delta }
    },
    call: (callId, args) => {
      output.push({ type: "function_call", callId, name: "work", arguments: args, status: "completed" })
      return { type: "response_started" }
    },
    finish: () => {
      const content = [{ type: "output_text", text: said }]
      if (said !== "") output.push({ type: "message", role: "assistant", status: "completed", content })
      return { type: "response_done", response: { id: "response", usage, output } }
    }
  }
}

/** How many answers stand in the conversation. */
const answers = (input) => {
  if (typeof input === "string") return 0
  let count = 0
  let inside = false
  for (const { role, type } of input) {
    const isAnswer = role === "assistant" || type === "function_call"
    if (isAnswer && !inside) count++
    inside = isAnswer
  }
  return count
}

export const contestant = (work) => ({
  open: async (script, { gated }) => {
    const model = {
      getResponse: async () => {
        throw new Error("every run is streamed")
      },
      getStreamedResponse: ({ input }) => script(answers(input) + 1, voice())
    }
    const agent = new Agent({
      name: "bench",
      model,
      tools: [
        tool({
          name: work.name,
          description: work.description,
          parameters: z.object({ n: z.number() }),
          execute: async ({ n }) => work.answer(n),
          needsApproval: gated
        })
      ]
    })
    const runner = new Runner({ tracingDisabled: true })
    const ask = (input) => runner.run(agent, input, { stream: true, maxTurns: 10_000 })
    const parkOne = async () => {
      const stream = await ask("go")
      for await (const _ of stream);
      await stream.completed
      return stream.state.toString()
    }
    const resumeOne = async (text) => {
      const state = await RunState.fromString(agent, text)
      for (const question of state.getInterruptions()) state.approve(question)
      const stream = await ask(state)
      for await (const _ of stream);
      await stream.completed
      if (stream.finalOutput !== "done") throw new Error("a run did not go on")
    }
    return {
      run: async (onText) => {
        const stream = await ask("go")
        for await (const event of stream) {
          if (event.type === "raw_model_stream_event" && event.data.type === "output_text_delta")
            onText(event.data.delta)
        }
        await stream.completed
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
