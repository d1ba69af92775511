/**
 * One reader of the soak: starts a run, reads it to its end, at full speed or slowly, and returns whether it was
 * complete and the delay of each word.
 */
import { type Agent, request } from "node:http"
import type { Wanted } from "./Wanted.ts"

export interface Heard {
  /** What is missing or wrong; absent when the stream was whole. */
  readonly problem?: string | undefined
  /** The delay from the model's emission to the reading of each word, in milliseconds. */
  readonly delays: ReadonlyArray<number>
}

/** A slow reader takes this much, then rests. */
const slowChunk = 64 * 1024
const slowRestMs = 40

export const hear = (port: number, agent: Agent, wanted: Wanted, isSlow: boolean): Promise<Heard> =>
  new Promise((resolve) => {
    const delays: Array<number> = []
    let characters = 0
    let rest = ""
    const ends = new Set<string>()
    const take = (chunk: Buffer) => {
      const now = performance.timeOrigin + performance.now()
      const blocks = (rest + chunk.toString()).split("\n\n")
      rest = blocks.pop() ?? ""
      for (const block of blocks) {
        if (!block.startsWith("data: ")) continue
        const event = JSON.parse(block.slice(6, block.indexOf("\nid: ")))
        if (event.type === "text") {
          characters += event.text.length
          delays.push(now - Number.parseFloat(event.text))
        } else ends.add(event.type)
      }
    }
    const finish = (problem?: string) => resolve({ problem, delays })
    const judge = () => {
      if (delays.length !== wanted.words) return finish(`${delays.length} words of ${wanted.words}`)
      if (characters < wanted.words * wanted.characters) return finish("words were cut")
      const missing = ["finish", "data-cost-summary", "data-latency-summary"].filter((type) => !ends.has(type))
      finish(missing.length === 0 ? undefined : `no ${missing.join(", ")}`)
    }
    const headers = { authorization: "Bearer soak-key", "content-type": "application/json" }
    const asked = request(
      { agent, host: "127.0.0.1", port, path: "/native/query", method: "POST", headers },
      (answer) => {
        if (answer.statusCode !== 200) finish(`status ${answer.statusCode}`)
        let taken = 0
        answer.on("data", (chunk: Buffer) => {
          take(chunk)
          taken += chunk.length
          if (!isSlow || taken < slowChunk) return
          taken = 0
          answer.pause()
          setTimeout(() => answer.resume(), slowRestMs)
        })
        answer.on("end", judge)
        answer.on("error", ({ message }) => finish(message))
      }
    )
    asked.on("error", ({ message }) => finish(message))
    asked.end(JSON.stringify({ prompt: JSON.stringify(wanted) }))
  })
