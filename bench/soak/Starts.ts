/**
 * Starts at a rate, over a store with two runners, one of which is killed half way. Every run that was accepted must end,
 * exactly once.
 */
import { Runtime } from "@reins/runtime"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { type Row, quantiles } from "./Row.ts"
import * as Shared from "./Shared.ts"

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How long the last runs may take to end. */
const patienceMs = 180_000

const runner = async (kind: string, place: string) => {
  const child = fork(join(import.meta.dirname, "Runner.ts"), [kind, place])
  await once(child, "message")
  return child
}

/** Runs the row over `kind`, at `place`: a file or an address. */
export const starts = async (kind: string, place: string, perSecond: number, seconds: number): Promise<Row> => {
  const first = await runner(kind, place)
  const second = await runner(kind, place)
  const scope = Scope.makeUnsafe()
  const built = await Effect.runPromise(Layer.buildWithScope(Shared.runtime(kind, place, false), scope))
  const runtime = Context.get(built, Runtime)
  const accepted: Array<string> = []
  const refused = new Map<string, number>()
  const latencies: Array<number> = []
  const start = async (runId: string) => {
    const began = performance.now()
    const outcome = await Effect.runPromise(Effect.result(runtime.start("Go.", { runId, threadId: runId })))
    if (outcome._tag === "Success") {
      accepted.push(runId)
      latencies.push(performance.now() - began)
    } else {
      const { _tag } = outcome.failure.reason
      refused.set(_tag, (refused.get(_tag) ?? 0) + 1)
    }
  }
  const all = perSecond * seconds
  const began = performance.now()
  const started: Array<Promise<void>> = []
  let killed = false
  while (started.length < all) {
    const due = Math.min(all, Math.floor(((performance.now() - began) / 1000) * perSecond))
    while (started.length < due) started.push(start(`soak-${started.length}`))
    if (!killed && started.length >= all / 2) {
      first.kill("SIGKILL")
      killed = true
    }
    await sleep(5)
  }
  await Promise.all(started)
  const tookMs = performance.now() - began
  const open = () =>
    Effect.runPromise(Effect.map(runtime.runs.list({ state: "open", limit: 1 }), ({ runs }) => runs.length))
  const until = performance.now() + patienceMs
  while ((await open()) > 0 && performance.now() < until) await sleep(250)
  const endsOf = (runId: string) =>
    Effect.map(
      Stream.runCollect(Stream.take(runtime.watch(runId), 100)),
      (log) => log.filter(({ event }) => event.type === "finish" || event.type === "error").length
    )
  const lengths: Array<number> = []
  let after: string | undefined
  do {
    const page = await Effect.runPromise(runtime.runs.list({ state: "ended", limit: 1000, after }))
    for (const { endedAt, startedAt } of page.runs) lengths.push((endedAt ?? startedAt) - startedAt)
    after = page.next
  } while (after !== undefined)
  const unended = accepted.length - lengths.length
  const counts =
    unended > 0 ? [] : await Effect.runPromise(Effect.forEach(accepted, endsOf, { concurrency: 32 }).pipe(Effect.orDie))
  await Effect.runPromise(Scope.close(scope, Exit.void))
  const gone = once(second, "exit")
  second.disconnect()
  await gone
  const single = counts.filter((count) => count === 1).length
  const refusals = [...refused].map(([reason, count]) => `, ${count} × ${reason}`).join("")
  return {
    holds: accepted.length > 0 && single === accepted.length,
    lines: [
      `${kind}: ${all} starts at ${perSecond} a second (${(all / (tookMs / 1000)).toFixed(0)} reached), one of two runners killed: ${accepted.length} accepted, ${single} of them ended exactly once${refusals}`,
      `  a start: ${quantiles(latencies)}; from start to end: ${quantiles(lengths)}`
    ]
  }
}
