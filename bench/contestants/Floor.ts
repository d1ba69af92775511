/**
 * The floor: a bare agent loop, one async generator, without any framework. It validates nothing, keeps only the
 * messages, and measures the cost of the language itself; all other figures are multiples of it.
 */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Contestant } from "../Contestant.ts"
import { type Script, tool, type Voice } from "../Script.ts"

interface Call {
  readonly id: string
  readonly args: { readonly n: number }
}

type Message =
  | { readonly role: "user"; readonly text: string }
  | { readonly role: "assistant"; readonly text: string; readonly calls: ReadonlyArray<Call> }
  | { readonly role: "tool"; readonly id: string; readonly content: string }

type Heard =
  | { readonly type: "step-start" }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "call"; readonly call: Call }
  | { readonly type: "question"; readonly answer: (allowed: boolean) => void }
  | { readonly type: "result"; readonly id: string; readonly result: unknown }
  | { readonly type: "finish" }

type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "call"; readonly call: Call }
  | { readonly type: "finish" }

const voice: Voice<Part> = {
  text: (text) => ({ type: "text", text }),
  call: (id, args) => ({ type: "call", call: { id, args: JSON.parse(args) } }),
  finish: () => ({ type: "finish" })
}

async function* loop(script: Script, gated: boolean, prompt: string): AsyncGenerator<Heard> {
  const messages: Array<Message> = [{ role: "user", text: prompt }]
  for (let step = 1; ; step++) {
    yield { type: "step-start" }
    let text = ""
    const calls: Array<Call> = []
    for await (const part of script(step, voice)) {
      if (part.type === "text") {
        text += part.text
        yield { type: "text", text: part.text }
      } else if (part.type === "call") {
        calls.push(part.call)
      }
    }
    messages.push({ role: "assistant", text, calls })
    if (calls.length === 0) break
    for (const call of calls) yield { type: "call", call }
    for (const _ of gated ? calls : []) {
      let answer = (_allowed: boolean) => {}
      const answered = new Promise<boolean>((resolve) => {
        answer = resolve
      })
      yield { type: "question", answer }
      await answered
    }
    const results = await Promise.all(
      calls.map(async (call) => ({ id: call.id, result: await tool.answer(call.args.n) }))
    )
    for (const { id, result } of results) {
      messages.push({ role: "tool", id, content: JSON.stringify(result) })
      yield { type: "result", id, result }
    }
  }
  yield { type: "finish" }
}

export const contestant: Contestant = {
  open: (script, { gated }) =>
    Promise.resolve({
      run: async (onText) => {
        for await (const heard of loop(script, gated, "go")) if (heard.type === "text") onText(heard.text)
      },
      park: async (count) => {
        const answers: Array<(allowed: boolean) => void> = []
        const runs: Array<Promise<void>> = []
        await new Promise<void>((parked) => {
          const one = async () => {
            for await (const heard of loop(script, true, "go")) {
              if (heard.type === "question" && answers.push(heard.answer) === count) parked()
            }
          }
          for (let index = 0; index < count; index++) runs.push(one())
        })
        return {
          resume: async () => {
            for (const answer of answers) answer(true)
            await Promise.all(runs)
          }
        }
      }
    }),
  serve: async (script) => {
    const server = createServer(async (request, response) => {
      request.resume()
      response.writeHead(200, { "content-type": "text/event-stream" })
      let seq = 0
      for await (const heard of loop(script, false, "go")) {
        response.write(`data: ${JSON.stringify(heard)}\nid: ${++seq}\n\n`)
      }
      response.end()
    })
    await once(server.listen(0, "127.0.0.1"), "listening")
    const { port } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}/`,
      headers: {},
      body: "{}",
      mark: '"type":"text"',
      close: async () => {
        server.close()
        await once(server, "close")
      }
    }
  }
}
