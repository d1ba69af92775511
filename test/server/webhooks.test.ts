/**
 * Web hooks that are told of open questions and ended runs: signed, once, over deaths of the process, shared by several
 * processes, and without content unless it is asked for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { type JournalStore, journalHost, MemoryJournal } from "@reins/runtime/journal"
import { CrashingJournal, ScriptedModel } from "@reins/runtime/testing"
import { NameLookup, Server, type ServerOptions } from "@reins/server"
import * as A2a from "@reins/wire/a2a"
import { Context, Effect, Exit, Layer, Logger, Queue, References, Scope, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { createHmac } from "node:crypto"
import { Library, Loans } from "../support/Library.ts"

const book = "The Secret Garden"
const url = "https://receiver.example/told"
const Clerk = Agent.make("clerk", { toolkit: Library })

const respond: ScriptedModel.Responder = (request) =>
  ScriptedModel.lastPrompt(request) === "hello"
    ? ScriptedModel.text("Good day.")
    : ScriptedModel.lastResults(request).length > 0
      ? ScriptedModel.text(`You have ${book}.`)
      : ScriptedModel.calls([{ id: "a", name: "lend", args: { book } }])

/** What a receiver got in one request. */
interface Receipt {
  readonly url: string
  readonly id: string
  readonly seconds: string
  readonly signature: string
  readonly text: string
  readonly json: { readonly type: string; readonly timestamp: string; readonly data: Record<string, unknown> }
}

type Answer = number | "nothing"

/** Receivers of every address, which answer as they are told to. */
const receiving = Effect.fnUntraced(function* (answer: (receipt: Receipt) => Answer = () => 204) {
  const queue = yield* Queue.unbounded<Receipt>()
  const all: Array<Receipt> = []
  const fetch = (address: RequestInfo | globalThis.URL, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    const { body } = init
    const text = typeof body === "string" ? body : new TextDecoder().decode(body as Uint8Array)
    const receipt: Receipt = {
      url: String(address),
      id: headers.get("webhook-id") ?? "",
      seconds: headers.get("webhook-timestamp") ?? "",
      signature: headers.get("webhook-signature") ?? "",
      text,
      json: JSON.parse(text)
    }
    all.push(receipt)
    Queue.offerUnsafe(queue, receipt)
    const status = answer(receipt)
    if (status === "nothing") return new Promise(() => {})
    if (status >= 301 && status <= 308 && init.redirect === "error")
      return Promise.reject(new TypeError("fetch failed"))
    return Promise.resolve(new Response(null, { status }))
  }
  return { all, next: Queue.take(queue), layer: Layer.succeed(FetchHttpClient.Fetch, fetch) }
})

type Receiver = Effect.Success<ReturnType<typeof receiving>>

const dialects = [{ dialect: A2a.make({ pushes: true }) }]

const everywhere = () => Effect.succeed(["93.184.216.34"])

/** A process over a store, which sends if it has the option. */
const living = Effect.fnUntraced(function* (
  store: JournalStore,
  receiver: Receiver,
  webhooks: ServerOptions["webhooks"] | "none" = {}
) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const runtime = Runtime.layer({ agents: [Clerk] }).pipe(
    Layer.provide([
      Library.layer.pipe(Layer.provide(Loans.layer)),
      Layer.succeed(Model, ScriptedModel.make({ respond })),
      Layer.succeed(Deployment.Deployment, journalHost(store, { gatherMs: 0, pollMs: Infinity }))
    ])
  )
  const server = Layer.effectDiscard(Server.context(webhooks === "none" ? {} : { webhooks, dialects }))
  const context = yield* Layer.buildWithScope(Layer.provideMerge(server, runtime), scope).pipe(
    Effect.provide(receiver.layer),
    Effect.provideService(NameLookup, everywhere)
  )
  return { runtime: Context.get(context, Runtime), stop: Scope.close(scope, Exit.void) }
})

const ask = (runtime: Runtime["Service"], runId: string) =>
  Effect.andThen(
    runtime.start(`lend me ${book}`, { runId, threadId: `thread-${runId}`, resourceId: "shop", principal: "ana" }),
    Stream.runDrain(Stream.takeUntil(runtime.watch(runId), ({ event }) => event.type === "approval-required"))
  )

const complete = (runtime: Runtime["Service"], runId: string) =>
  runtime.complete("hello", { runId, threadId: `thread-${runId}`, resourceId: "shop" })

const verified = ({ id, seconds, signature, text }: Receipt, secret: string): boolean => {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64")
  const expected = `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${text}`).digest("base64")}`
  return signature.split(" ").includes(expected)
}

const standingOf = (runtime: Runtime["Service"]) =>
  Effect.map(runtime.webhooks.list(), (all) => all.find((one) => one.url === url))

const minutes = (count: number) => Effect.repeat(TestClock.adjust("1 minute"), { times: count - 1 })

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("a web hook", () => {
  it.effect("is told of a question and of the run's end, signed, with ids, names, times and money alone", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const { runtime } = yield* living(MemoryJournal.make(), receiver)
      const { secret } = yield* runtime.webhooks.add({ url, resourceId: "shop" })
      yield* ask(runtime, "run")
      yield* TestClock.adjust("2 seconds")
      const asked = yield* receiver.next
      const [question] = yield* runtime.pendingApprovals({ resourceId: "shop" })
      const about = {
        tenant: "shop",
        runId: "run",
        threadId: "thread-run",
        agent: "clerk",
        principal: "ana",
        startedAt: 0
      }
      assert.deepStrictEqual(asked.json, {
        type: "approval.required",
        timestamp: "1970-01-01T00:00:00.000Z",
        data: { ...about, approvalId: question?.request.id, kind: "tool", target: "lend" }
      })
      yield* runtime.respondToApproval(question?.request.id ?? "", Decision.approve())
      yield* Stream.runDrain(runtime.watch("run"))
      yield* TestClock.adjust("2 seconds")
      const ended = yield* receiver.next
      assert.strictEqual(ended.json.type, "run.ended")
      const { endReason, endedAt, promptTokens, ...rest } = ended.json.data
      assert.deepStrictEqual([endReason, endedAt], ["stop", 2000])
      assert.isNumber(promptTokens)
      assert.includeMembers(Object.keys({ ...about, unpriced: 0 }), Object.keys(about))
      assert.strictEqual(rest["runId"], "run")
      assert.notInclude(asked.text + ended.text, book)
      assert.isTrue(verified(asked, secret) && verified(ended, secret))
      assert.notStrictEqual(asked.id, ended.id)
      yield* minutes(10)
      assert.strictEqual(receiver.all.length, 2)
      const [standing] = yield* runtime.webhooks.list()
      assert.deepStrictEqual([standing?.waiting, standing?.failures], [0, 0])
      assert.notInclude(JSON.stringify(standing), secret)
    })
  )

  it.effect("is told what is asked and what was answered, if it asks for content", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const { runtime } = yield* living(MemoryJournal.make(), receiver)
      yield* runtime.webhooks.add({ url, resourceId: "shop", content: true })
      yield* ask(runtime, "run")
      yield* TestClock.adjust("2 seconds")
      const { data } = (yield* receiver.next).json
      assert.deepInclude(data["request"], { target: "lend", payload: { book }, threadId: "thread-run" })
      yield* complete(runtime, "other")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* receiver.next).json.data["text"], "Good day.")
    })
  )

  it.effect("is told by the next process, once, when one dies between a question and its telling", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const elsewhere = yield* living(MemoryJournal.make(), receiver, "none")
      yield* ask(elsewhere.runtime, "run")
      const at = (yield* elsewhere.runtime.status("run"))?.lastSeq ?? 0
      const journal = MemoryJournal.make()
      const dying = CrashingJournal.crashing(journal, { at, when: "after" })
      const first = yield* living(dying.store, receiver)
      yield* first.runtime.webhooks.add({ url, resourceId: "shop", events: ["approval.required"] })
      yield* first.runtime.start(`lend me ${book}`, { runId: "run", threadId: "t", resourceId: "shop" })
      yield* dying.died
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(receiver.all.length, 0)
      assert.isTrue(journal.log("run").some(({ event }) => event.type === "approval-required"))
      yield* dying.bury
      yield* first.stop
      yield* living(journal, receiver)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* receiver.next).json.type, "approval.required")
      yield* minutes(10)
      assert.strictEqual(receiver.all.length, 1)
    }).pipe(quiet)
  )

  it.effect("is told again with the same id when a process dies between the telling and its mark", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const journal = MemoryJournal.make()
      // What this process stores of its telling is lost with it.
      const { webhooks } = journal
      const lost = { accepted: () => Effect.never, release: () => Effect.void, extend: () => Effect.succeed(true) }
      const first = yield* living({ ...journal, webhooks: { ...webhooks, ...lost } }, receiver)
      yield* first.runtime.webhooks.add({ url, resourceId: "shop" })
      yield* complete(first.runtime, "run")
      yield* TestClock.adjust("2 seconds")
      const told = yield* receiver.next
      yield* first.stop
      yield* living(journal, receiver)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(receiver.all.length, 1)
      yield* TestClock.adjust("15 seconds")
      const again = yield* receiver.next
      assert.deepStrictEqual([again.id, again.text], [told.id, told.text])
      assert.isAbove(Number(again.seconds), Number(told.seconds))
      yield* minutes(10)
      assert.strictEqual(receiver.all.length, 2)
    })
  )

  it.effect("waits while its store fails, whose failure is in the log without its message", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      const receiver = yield* receiving()
      const journal = MemoryJournal.make()
      const lease = () => Effect.die(new RangeError(`a row of ${book}`))
      yield* living({ ...journal, webhooks: { ...journal.webhooks, lease } }, receiver).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      yield* TestClock.adjust("2 seconds")
      assert.match(lines.join("\n"), /The store of web hooks did not answer. It is asked again \(RangeError/)
      assert.notInclude(lines.join(), book)
    })
  )

  it.effect("is told each thing once by two processes that share the work", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const journal = MemoryJournal.make()
      const first = yield* living(journal, receiver)
      yield* living({ ...journal }, receiver)
      yield* first.runtime.webhooks.add({ url, resourceId: "shop" })
      yield* first.runtime.webhooks.add({ url: `${url}/2`, resourceId: "shop" })
      for (let run = 0; run < 40; run++) yield* complete(first.runtime, `run-${run}`)
      yield* minutes(2)
      assert.strictEqual(receiver.all.length, 80)
      assert.strictEqual(new Set(receiver.all.map(({ id }) => id)).size, 80)
    })
  )

  it.effect("is told for days what it does not accept, ever more rarely, and holds up no other", () =>
    Effect.gen(function* () {
      let isUp = false
      const receiver = yield* receiving((receipt) => (receipt.url === url && !isUp ? 503 : 200))
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      yield* Effect.gen(function* () {
        const { runtime } = yield* living(MemoryJournal.make(), receiver)
        yield* runtime.webhooks.add({ url, resourceId: "shop" })
        yield* runtime.webhooks.add({ url: `${url}/2`, resourceId: "shop" })
        yield* complete(runtime, "run")
        yield* minutes(60 * 4)
        const failed = receiver.all.filter((one) => one.url === url)
        assert.strictEqual(receiver.all.length - failed.length, 1)
        assert.strictEqual(new Set(failed.map(({ id }) => id)).size, 1)
        assert.isAtLeast(failed.length, 6)
        assert.isAtMost(failed.length, 8)
        const gaps = failed.slice(1).map(({ seconds }, index) => Number(seconds) - Number(failed[index]?.seconds))
        assert.isBelow(gaps[0] ?? 0, 8)
        assert.isAbove(Math.max(...gaps), 3600)
        const standing = yield* standingOf(runtime)
        assert.deepInclude(standing, { waiting: 1, lastError: "status 503", lost: 0 })
        assert.isNumber(standing?.failingSince)
        isUp = true
        yield* complete(runtime, "next")
        yield* minutes(10)
        assert.deepInclude(yield* standingOf(runtime), { waiting: 0, failures: 0, lost: 0 })
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(
        lines.map((line) => line.split(".")[0]),
        ["A web hook fails", "A web hook that failed accepts again"]
      )
    })
  )

  it.effect("is given up on after the time that is set, which is counted and logged", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving(() => 500)
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      const { runtime } = yield* Effect.provide(
        living(MemoryJournal.make(), receiver, { retryFor: "1 hour" }),
        Logger.layer([logger])
      )
      yield* runtime.webhooks.add({ url, resourceId: "shop" })
      yield* complete(runtime, "run")
      yield* minutes(60 * 3)
      assert.deepInclude(yield* standingOf(runtime), { waiting: 0, lost: 1 })
      assert.isTrue(lines.some((line) => line.startsWith("A notice was given up")))
    })
  )

  it.effect("that does not answer at all keeps no other waiting", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving((receipt) => (receipt.url === url ? "nothing" : 200))
      const { runtime } = yield* living(MemoryJournal.make(), receiver)
      yield* runtime.webhooks.add({ url, resourceId: "shop" })
      yield* runtime.webhooks.add({ url: `${url}/2`, resourceId: "shop" })
      yield* complete(runtime, "run")
      yield* TestClock.adjust("2 seconds")
      yield* Effect.repeat(receiver.next, { until: (receipt) => receipt.url === `${url}/2` })
      yield* TestClock.adjust("11 seconds")
      assert.deepInclude(yield* standingOf(runtime), { waiting: 1, lastError: "no response in time" })
    }).pipe(quiet)
  )

  it.effect("says of an address that redirects that it does, and follows it nowhere", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving(() => 308)
      const { runtime } = yield* living(MemoryJournal.make(), receiver)
      yield* runtime.webhooks.add({ url })
      yield* complete(runtime, "run")
      yield* TestClock.adjust("4 seconds")
      const lastError = "status 308, a redirect, which is not followed"
      assert.deepInclude(yield* standingOf(runtime), { waiting: 1, lastError })
      assert.lengthOf(receiver.all, 1)
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("is sent to no address of this machine or its network, unless it is the program's own", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const inner = "http://10.0.0.7/told"
      const secret = `whsec_${Buffer.alloc(24, 7).toString("base64")}`
      const { runtime } = yield* living(MemoryJournal.make(), receiver, { own: [{ url: inner, secret }] })
      yield* runtime.webhooks.add({ url: "https://127.0.0.1/told" })
      yield* complete(runtime, "run")
      yield* TestClock.adjust("2 seconds")
      const told = yield* receiver.next
      assert.strictEqual(told.url, inner)
      assert.isTrue(verified(told, secret))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(receiver.all.every((one) => one.url === inner))
      const [, refused] = (yield* runtime.webhooks.list()).toSorted((a) => (a.source === "settings" ? -1 : 1))
      assert.deepInclude(refused, { lastError: "the address is not allowed", waiting: 1 })
    }).pipe(quiet)
  )

  it.effect("is signed with a new secret and the one before it, and then with the new one's successor", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const { runtime } = yield* living(MemoryJournal.make(), receiver)
      const { id, secret: one } = yield* runtime.webhooks.add({ url })
      const two = (yield* runtime.webhooks.rotate(id)) ?? ""
      yield* complete(runtime, "run")
      yield* TestClock.adjust("2 seconds")
      const told = yield* receiver.next
      assert.isTrue(verified(told, one) && verified(told, two))
      const three = (yield* runtime.webhooks.rotate(id)) ?? ""
      yield* complete(runtime, "next")
      yield* TestClock.adjust("2 seconds")
      const then = yield* receiver.next
      assert.deepStrictEqual([verified(then, one), verified(then, two), verified(then, three)], [false, true, true])
    })
  )

  it.effect("of the program's own is replaced by those of the next process, whose secrets are in no store", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const journal = MemoryJournal.make()
      const secret = ["a", "b"].map((letter) => `whsec_${Buffer.alloc(24, letter).toString("base64")}`)
      const first = yield* living(journal, receiver, { own: [{ url, secret, tenant: "shop" }] })
      yield* complete(first.runtime, "run")
      yield* TestClock.adjust("2 seconds")
      const told = yield* receiver.next
      assert.isTrue(secret.every((one) => verified(told, one)))
      assert.deepStrictEqual((yield* journal.webhooks.list({}))[0]?.webhook.secrets, [])
      yield* first.stop
      const next = yield* living(journal, receiver, { own: [{ url: `${url}/new`, secret }] })
      assert.deepStrictEqual(
        (yield* next.runtime.webhooks.list()).map((one) => [one.url, one.resourceId]),
        [[`${url}/new`, undefined]]
      )
    })
  )

  it.effect("of a client of A2A is told the states of its run, over a restart, and is removed with the run's end", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving()
      const journal = MemoryJournal.make()
      const first = yield* living(journal, receiver, { secret: "whsec" })
      yield* ask(first.runtime, "run")
      const push = { id: "theirs", dialect: "a2a", token: "tok" }
      const hook = { id: "whk_push", resourceId: "shop", runId: "run", url, events: [], content: true, createdAt: 0 }
      yield* journal.webhooks.put({ ...hook, source: "protocol", secrets: [], push })
      yield* TestClock.adjust("2 seconds")
      const states = receiver.all.map(({ text }) => JSON.parse(text).task.status.state)
      assert.deepStrictEqual(states, ["TASK_STATE_WORKING", "TASK_STATE_INPUT_REQUIRED"])
      yield* first.stop
      const next = yield* living(journal, receiver, { secret: "whsec" })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(receiver.all.length, 2)
      const [question] = yield* next.runtime.pendingApprovals({ resourceId: "shop" })
      yield* next.runtime.respondToApproval(question?.request.id ?? "", Decision.approve())
      yield* Stream.runDrain(next.runtime.watch("run"))
      yield* TestClock.adjust("2 seconds")
      yield* Effect.repeat(receiver.next, { until: ({ text }) => text.includes("TASK_STATE_COMPLETED") })
      yield* minutes(2)
      assert.strictEqual(new Set(receiver.all.map(({ id }) => id)).size, receiver.all.length)
      assert.deepStrictEqual(yield* journal.webhooks.list({ runId: "run" }), [])
    })
  )

  it.effect("is refused with the field and the cure, where it is invalid", () =>
    Effect.gen(function* () {
      const { runtime } = yield* living(MemoryJournal.make(), yield* receiving())
      const fields = yield* Effect.forEach(
        [
          { url: "told" },
          { url: "ftp://receiver.example" },
          { url: "https://user:password@receiver.example" },
          { url, events: [] },
          { url, secret: "short" },
          { url, secret: "whsec_c2hvcnQ=" }
        ],
        (given) => Effect.map(Effect.flip(runtime.webhooks.add(given)), ({ field }) => field)
      )
      assert.deepStrictEqual(fields, ["url", "url", "url", "events", "secret", "secret"])
    })
  )
})
