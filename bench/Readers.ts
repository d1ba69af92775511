/**
 * The clients of W6, in a process of their own so that their work is not counted as the server's: on a message with
 * `count` they send that many requests at once, read each response to its end, and send back how many deltas they saw
 * and how long it took.
 */
import { request } from "node:http"
import type { Served } from "./Contestant.ts"

type Asked = Omit<Served, "close"> & { readonly count: number }

/** What the clients saw: deltas in all answers, and milliseconds from the first request to the last end. */
export interface Seen {
  readonly deltas: number
  readonly ms: number
}

/** How often `mark` occurs in the stream, also across chunks. */
const counter = (mark: string) => {
  let rest = ""
  return (chunk: Buffer): number => {
    const text = rest + chunk.toString("latin1")
    let count = 0
    let from = 0
    for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, from)) {
      count++
      from = at + mark.length
    }
    rest = text.slice(Math.max(from, text.length - mark.length + 1))
    return count
  }
}

const read = ({ body, headers, mark, url }: Asked): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request(
      url,
      { method: "POST", headers: { ...headers, "content-type": "application/json" } },
      (answer) => {
        const count = counter(mark)
        let deltas = 0
        answer.on("data", (chunk: Buffer) => {
          deltas += count(chunk)
        })
        answer.on("end", () => resolve(deltas))
        answer.on("error", reject)
      }
    )
    asked.on("error", reject)
    asked.end(body)
  })

process.on("message", (asked: Asked) => {
  const startedAt = performance.now()
  void Promise.all(Array.from({ length: asked.count }, () => read(asked))).then((all) => {
    const seen: Seen = { deltas: all.reduce((sum, one) => sum + one, 0), ms: performance.now() - startedAt }
    process.send?.(seen)
  })
})
