/** A web hook that a query of A2A brings is stored with its run, whatever becomes of the request and of the process. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Model, Runtime } from "@reins/runtime"
import { type JournalStore, journalHost, MemoryJournal } from "@reins/runtime/journal"
import { CrashingJournal, ScriptedModel } from "@reins/runtime/testing"
import { Authenticator, Server } from "@reins/server"
import * as A2a from "@reins/wire/a2a"
import { Deferred, Effect, Exit, Layer, References, Scope } from "effect"
import { FetchHttpClient } from "effect/http"

const url = "https://receiver.example/told"

/** A receiver of states, and the first completed one. */
const receiving = Effect.gen(function* () {
  const states: Array<string> = []
  const completed = yield* Deferred.make<void>()
  const fetch = (_address: RequestInfo | globalThis.URL, init: RequestInit = {}): Promise<Response> => {
    const { body } = init
    const text = typeof body === "string" ? body : new TextDecoder().decode(body as Uint8Array)
    const state = JSON.parse(text).task.status.state
    states.push(state)
    if (state === "TASK_STATE_COMPLETED") Deferred.doneUnsafe(completed, Exit.void)
    return Promise.resolve(new Response(null, { status: 204 }))
  }
  return { states, completed: Deferred.await(completed), layer: Layer.succeed(FetchHttpClient.Fetch, fetch) }
})

/** A process over a store: its handler of requests. */
const living = Effect.fnUntraced(function* (store: JournalStore, fetch: Layer.Layer<never>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const runtime = Runtime.layer({ agents: [Agent.make("clerk", {})] }).pipe(
    Layer.provide([
      Layer.succeed(Model, ScriptedModel.make({ respond: () => ScriptedModel.text("Good day.") })),
      Layer.succeed(Deployment.Deployment, journalHost(store, { gatherMs: 0, pollMs: Infinity }))
    ])
  )
  const options = {
    dialects: [{ dialect: A2a.make({ pushes: true }) }],
    webhooks: { secret: "whsec", allow: () => true }
  }
  const services = Layer.mergeAll(runtime, Authenticator.layerOpen()).pipe(Layer.provideMerge(fetch))
  const { dispose, handler } = Server.toWebHandler(options, services)
  yield* Scope.addFinalizer(scope, Effect.promise(dispose))
  return { handler, stop: Scope.close(scope, Exit.void) }
})

const send = (
  handler: (request: Request) => Promise<Response>,
  text: string,
  init: { readonly signal?: AbortSignal } = {}
) =>
  handler(
    new Request("http://localhost/a2a/rpc", {
      method: "POST",
      headers: { "content-type": "application/json", "a2a-version": "1.0" },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "SendMessage",
        params: {
          message: { messageId: `m-${text}`, role: "ROLE_USER", parts: [{ text }] },
          configuration: { taskPushNotificationConfig: { id: "theirs", url, token: "tok" } }
        }
      }),
      ...init
    })
  )

/** A view of a store that keeps the web hooks that are put and removed. */
const seen = (journal: JournalStore) => {
  const put: Array<string> = []
  const removed: Array<string> = []
  const { webhooks } = journal
  const store: JournalStore = {
    ...journal,
    webhooks: {
      ...webhooks,
      put: (webhook, toldSeq) => {
        put.push(webhook.id)
        return webhooks.put(webhook, toldSeq)
      },
      remove: (id, resourceId) => {
        removed.push(id)
        return webhooks.remove(id, resourceId)
      }
    }
  }
  return { store, put, removed }
}

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("a query's web hook", () => {
  it.live("is told by the next process, where the first dies right after the run was stored", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const { completed, layer, states } = yield* receiving
      const dying = CrashingJournal.crashing(journal, { at: 1, when: "before" })
      const first = yield* living(dying.store, layer)
      const leaving = new AbortController()
      const answer = send(first.handler, "hello", { signal: leaving.signal }).catch(() => undefined)
      yield* dying.died
      const [runId = ""] = yield* Effect.orDie(journal.unfinished)
      assert.lengthOf(yield* journal.webhooks.list({ runId }), 1)
      leaving.abort()
      yield* dying.bury
      yield* first.stop
      yield* Effect.promise(() => answer)
      yield* living(journal, layer)
      yield* completed
      assert.strictEqual(states.at(-1), "TASK_STATE_COMPLETED")
    }).pipe(quiet)
  )

  it.live("is stored once, before its run, and removed where the run does not begin", () =>
    Effect.gen(function* () {
      const { put, removed, store } = seen(MemoryJournal.make())
      const { completed, layer } = yield* receiving
      const order: Array<string> = []
      const watched: JournalStore = {
        ...store,
        create: (record, change, opens) => {
          order.push(`run after ${put.length}`)
          return store.create(record, change, opens)
        }
      }
      const { handler } = yield* living(watched, layer)
      yield* Effect.promise(() => send(handler, "hello"))
      yield* completed
      assert.deepStrictEqual([order, put.length], [["run after 1"], 1])
      const refused = yield* Effect.promise(() => send(handler, "   ").then((response) => response.text()))
      assert.include(refused, "error")
      assert.lengthOf(put, 2)
      assert.include(removed, put[1])
    }).pipe(quiet)
  )
})
