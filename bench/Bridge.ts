/**
 * What the bridge to AI SDK providers costs: `npm run bench -- bridge [--deltas=20000] [--rounds=9]`.
 *
 * One stream of OpenAI's chat API, as bytes in memory, is read by the provider package alone and through our port, in
 * turns in one process. It prints deltas per second of both, and the median of their ratios; 1 means that the bridge
 * costs nothing.
 */
import { createOpenAI } from "@ai-sdk/openai"
import { AiSdkModel } from "@reins/models"
import { Recording, SmallAnswer } from "@reins/models/testing"
import { Effect } from "effect"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: { deltas: { type: "string", default: "20000" }, rounds: { type: "string", default: "9" } }
})
const deltas = Number(values.deltas)
const rounds = Number(values.rounds)

/** The stream, with this number of frames per chunk, each chunk in its own turn of the event loop. */
const fetchOf = (framesAChunk: number) => {
  const { payloads } = SmallAnswer.text(
    "chat",
    Array.from({ length: deltas }, () => "word ")
  )
  const frames = [...payloads.map((payload) => Recording.frame("chat", payload)), "data: [DONE]\n\n"]
  const encoder = new TextEncoder()
  const chunks: Array<Uint8Array> = []
  for (let from = 0; from < frames.length; from += framesAChunk) {
    chunks.push(encoder.encode(frames.slice(from, from + framesAChunk).join("")))
  }
  return () => {
    let next = 0
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) =>
      new Promise<void>((resolve) => {
        setImmediate(() => {
          const chunk = chunks[next++]
          if (chunk === undefined) controller.close()
          else controller.enqueue(chunk)
          resolve()
        })
      })
    return Promise.resolve(
      new Response(new ReadableStream({ pull }), { headers: { "content-type": "text/event-stream" } })
    )
  }
}

const modelOf = (framesAChunk: number) => createOpenAI({ apiKey: "none", fetch: fetchOf(framesAChunk) }).chat("small-1")

type Model = ReturnType<typeof modelOf>

const alone = async (model: Model): Promise<number> => {
  const { stream } = await model.doStream({ prompt: [{ role: "user", content: [{ type: "text", text: "go" }] }] })
  const reader = stream.getReader()
  let count = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return count
    if (value.type === "text-delta") count++
  }
}

const bridged = async (model: Model): Promise<number> => {
  let count = 0
  await Effect.runPromise(
    AiSdkModel.make(model).attempt(
      {
        instructions: undefined,
        messages: [{ role: "user", content: [{ type: "text", text: "go" }] }],
        tools: [],
        maxOutputTokens: undefined,
        output: undefined,
        providerOptions: undefined,
        metadata: { runId: "run", threadId: "thread", agent: "agent", agentPath: [], step: 1, attempt: 1 }
      },
      (parts) => {
        for (const part of parts) if (part.type === "text") count++
      }
    )
  )
  return count
}

const perSecond = async (read: (model: Model) => Promise<number>, model: Model): Promise<number> => {
  const startedAt = performance.now()
  const count = await read(model)
  if (count !== deltas) throw new Error(`${count} deltas came, not ${deltas}`)
  return (count / (performance.now() - startedAt)) * 1000
}

const median = (figures: ReadonlyArray<number>): number => figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? 0

console.log(`${deltas} deltas, ${rounds} rounds, medians, deltas a second`)
for (const framesAChunk of [1, 8, 64]) {
  const model = modelOf(framesAChunk)
  await alone(model)
  await bridged(model)
  const own: Array<number> = []
  const ours: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    own.push(await perSecond(alone, model))
    ours.push(await perSecond(bridged, model))
  }
  const ratio = median(ours.map((figure, round) => figure / (own[round] ?? Number.NaN)))
  console.log(
    `${String(framesAChunk).padStart(3)} a chunk   package ${median(own).toFixed(0).padStart(7)}   port ${median(ours).toFixed(0).padStart(7)}   ratio ${ratio.toFixed(3)}`
  )
}
