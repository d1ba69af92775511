/** One journal, and processes over it that live one after another: each has a runtime with one agent, `desk`. */
import { Ordering } from "@reins/protocol"
import { Agent, Deployment, Model, type ModelRequest, Runtime, type RuntimeOptions, type ToolRun } from "@reins/runtime"
import { journalHost, type JournalHostOptions, type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { type Tool, Toolkit } from "effect/ai"

export interface Options<T extends Tool.Any> {
  readonly tool: T
  readonly handler: (args: Tool.Parameters<T>) => Effect.Effect<Tool.Success<T>, Tool.Failure<T>, ToolRun>
  /** Absent: the model calls the tool once, as `c1`, with `args`, and answers with its result. */
  readonly respond?: ((request: ModelRequest) => ReturnType<typeof ScriptedModel.text>) | undefined
  readonly args?: ReturnType<typeof argsOf> | undefined
  readonly agent?: Omit<Agent.Options<never, [], Model>, "toolkit"> | undefined
  readonly runtime?: Omit<RuntimeOptions<[]>, "agents"> | undefined
  readonly host?: JournalHostOptions | undefined
  /** The journal as a process sees it. */
  readonly seen?: ((journal: JournalStore) => JournalStore) | undefined
}

const same = (store: JournalStore): JournalStore => store

const argsOf = (args: Parameters<typeof ScriptedModel.calls>[0][number]["args"]) => args

export const make = <T extends Tool.Any>(options: Options<T>) => {
  const journal = MemoryJournal.make()
  const { args = {}, handler, tool } = options
  const respond =
    options.respond ??
    ((request: ModelRequest) => {
      const [last] = ScriptedModel.lastResults(request)
      return last === undefined
        ? ScriptedModel.calls([{ id: "c1", name: tool.name, args }])
        : ScriptedModel.text(JSON.stringify(last.result))
    })
  const kit = Toolkit.make(tool)
  const handlers: Layer.Layer<never> = kit.toLayer({ [tool.name]: handler } as never) as never
  /** A process, until it is ended. `seen`: its view of the journal. */
  const process = Effect.fnUntraced(function* (
    seen: (journal: JournalStore) => JournalStore = options.seen ?? same,
    more: JournalHostOptions = {}
  ) {
    const scope = yield* Scope.make()
    const host = journalHost(seen(journal), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, ...options.host, ...more })
    const desk = Agent.make("desk", { ...options.agent, toolkit: kit as never })
    const layer = Runtime.layer({ ...options.runtime, agents: [desk] }).pipe(
      Layer.provide([
        handlers,
        Layer.succeed(Model, ScriptedModel.make({ respond })),
        Layer.succeed(Deployment.Deployment, host)
      ])
    )
    const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
    return { runtime, end: Scope.close(scope, Exit.void) }
  })
  const events = (runId = "run") => journal.log(runId).map(({ event }) => event)
  const results = (runId = "run") =>
    events(runId).flatMap((event) =>
      event.type === "tool-invocation" && event.state === "result"
        ? [{ result: event.result, status: event.status }]
        : []
    )
  /** The log of an ended run is valid to its end. */
  const isWhole = (runId = "run") => {
    const log = journal.log(runId)
    assert.deepStrictEqual(Ordering.check(log), [])
    assert.strictEqual(log.at(-1)?.event.type, "data-latency-summary")
  }
  return { journal, process, events, results, isWhole }
}
