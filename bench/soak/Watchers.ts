/**
 * Idle watchers: many clients read one run that waits for a person, for some seconds; then it is answered, and each of them
 * must see its end.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { type Row, quantiles } from "./Row.ts"

const headers = { authorization: "Bearer soak-key", "content-type": "application/json" }

interface Watcher {
  /** It has seen the question. */
  readonly parked: Promise<void>
  /** When it saw the end, by `performance.now()`; absent: the stream ended without. */
  readonly ended: Promise<number | undefined>
}

const watch = (port: number, agent: Agent, runId: string): Watcher => {
  let park = () => {}
  const parked = new Promise<void>((resolve) => (park = resolve))
  const ended = new Promise<number | undefined>((resolve) => {
    let rest = ""
    const lost = () => {
      park()
      resolve(undefined)
    }
    const asked = request(
      { agent, host: "127.0.0.1", port, path: `/native/runs/${runId}/events`, headers },
      (answer) => {
        answer.on("data", (chunk: Buffer) => {
          rest = (rest + chunk.toString()).slice(-20_000)
          if (rest.includes("approval-required")) park()
          if (rest.includes("data-latency-summary")) resolve(performance.now())
        })
        answer.on("end", lost)
        answer.on("error", lost)
      }
    )
    asked.on("error", lost)
    asked.end()
  })
  return { parked, ended }
}

const post = async (port: number, path: string, body: object): Promise<Record<string, unknown>> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body: JSON.stringify(body) })
  const text = await answer.text()
  return text === "" ? {} : JSON.parse(text)
}

/** Runs the row. */
export const watchers = async (count: number, idleMs: number): Promise<Row> => {
  const server = fork(join(import.meta.dirname, "WatchServer.ts"), { execArgv: ["--expose-gc"] })
  const [{ port }] = await once(server, "message")
  const heapOf = async (): Promise<number> => {
    server.send("rest")
    const [{ heap }] = await once(server, "message")
    return heap
  }
  const agent = new Agent({ keepAlive: true, maxSockets: count })
  const { approvals, runId } = await post(port, "/native/query", { prompt: "act", stream: false })
  const [question] = Array.isArray(approvals) ? approvals : []
  const before = await heapOf()
  const all = Array.from({ length: count }, () => watch(port, agent, String(runId)))
  await Promise.all(all.map(({ parked }) => parked))
  const each = ((await heapOf()) - before) / count
  await new Promise((resolve) => setTimeout(resolve, idleMs))
  const answeredAt = performance.now()
  await post(port, `/native/approvals/${question?.id}`, { type: "approve" })
  const ends = await Promise.all(all.map(({ ended }) => ended))
  server.disconnect()
  agent.destroy()
  const seen = ends.flatMap((at) => (at === undefined ? [] : [at - answeredAt]))
  return {
    holds: seen.length === count,
    lines: [
      `${count} watchers of a run that waited for ${idleMs / 1000} s: ${seen.length} saw its end, ${count - seen.length} did not`,
      `  from the answer to the end: ${quantiles(seen)}; heap of the server per watcher: ${(each / 1000).toFixed(1)} KB`
    ]
  }
}
