/**
 * An agent of the Agent Client Protocol over lines: its client, an editor, starts this process. Sessions are threads, a
 * prompt is a run; questions are permission requests, which the client answers. One turn at a time in a session.
 *
 * A call that the client would have to run fails, since the protocol has no message for it.
 */
import { Refusal } from "@reins/wire"
import type { Facts, Frame } from "@reins/wire"
import { Acp, dialect } from "@reins/wire/acp"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Principal } from "../access/Authenticator.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import { factsOf, shownRun, type Speaker, drained, type Lines, tooLong } from "./Lines.ts"

/** What waits for a response of the client. */
interface Asked {
  readonly approvalId: string
  readonly runId: string
}

const readPermission = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ _meta: Schema.Struct({ approvalId: Schema.String }) }))
)

const busy = Refusal.make("conflict", "TurnActive", "The session has an active turn. Cancel it first")

/** Serves until the client closes its end. */
export const serve = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { incoming, send }: Lines
) {
  const speaker: Speaker = { serving, principal, dialect }
  const turns = yield* FiberSet.make<unknown, unknown>()
  /** The sessions with a turn, and its run; the empty text until it has one. */
  const active = new Map<string, string>()
  /** Sessions whose turn was cancelled before it had a run. */
  const cancelled = new Set<string>()
  const asked = new Map<string, Asked>()
  let requests = 0

  const say = (message: object) => send(JSON.stringify({ jsonrpc: "2.0", ...message }))
  const raw = (fields: string) => send(`{"jsonrpc":"2.0",${fields}}`)
  const fail = (id: Acp.Id, refusal: Refusal.Refusal) => say({ id, error: Acp.errorOf(refusal) })

  const ask = (runId: string, { data }: Frame.Frame): Effect.Effect<void> => {
    const approvalId = Option.getOrUndefined(readPermission(data))?._meta.approvalId ?? ""
    requests += 1
    const id = `permission-${requests}`
    asked.set(id, { approvalId, runId })
    return raw(`"id":${JSON.stringify(id)},"method":"session/request_permission","params":${data}`)
  }

  const take =
    (id: Acp.Id, runId: string) =>
    (frame: Frame.Frame): Effect.Effect<void> => {
      const { data, event = "" } = frame
      if (event === "session/request_permission") return ask(runId, frame)
      return event === "result" || event === "error"
        ? raw(`"id":${JSON.stringify(id)},"${event}":${data}`)
        : raw(`"method":"${event}","params":${data}`)
    }

  /** Calls of the client's are given back as failed, so that the model goes on without them. */
  const refuseCalls = (runId: string) =>
    Stream.runForEach(serving.runtime.watch(runId), ({ agentPath, event }) =>
      event.type === "tool-invocation" && event.state === "call" && event.execution === "client" && event.asks !== true
        ? Effect.ignore(
            serving.runtime.submitToolResult(runId, event.toolInvocationId, {
              result: { error: "Unsupported", message: `The client cannot run ${event.toolName}` },
              isFailure: true,
              agentPath
            })
          )
        : Effect.void
    ).pipe(Effect.ignore)

  const prompt = Effect.fnUntraced(function* (
    id: Acp.Id,
    { command, threadId }: Extract<Acp.Called, { readonly _tag: "Prompt" }>
  ) {
    if (active.has(threadId)) return yield* fail(id, busy)
    active.set(threadId, "")
    const begun = yield* Effect.result(shownRun(speaker, command, dialect.open))
    const isCancelled = cancelled.delete(threadId)
    if (begun._tag === "Failure") {
      active.delete(threadId)
      return yield* fail(id, begun.failure)
    }
    const { feed, read } = begun.success
    active.set(threadId, feed.runId)
    if (isCancelled) yield* serving.runtime.cancel(feed.runId)
    yield* serving.fork(refuseCalls(feed.runId))
    yield* Effect.ensuring(
      read(take(id, feed.runId)),
      Effect.sync(() => {
        active.delete(threadId)
        for (const [key, { runId }] of asked) if (runId === feed.runId) asked.delete(key)
      })
    )
  })

  const loaded = (found: Facts.Facts): Effect.Effect<void> =>
    found._tag === "Thread"
      ? Effect.forEach(Acp.replay(found.messages), (update) => say(Acp.notice(found.thread.threadId, update)), {
          discard: true
        })
      : Effect.void

  const answer = Effect.fnUntraced(function* (line: Acp.Line) {
    const { id } = line
    const called = Acp.decode(line)
    if (called._tag === "Failure") return id === undefined ? undefined : yield* fail(id, called.failure)
    const wanted = called.success
    switch (wanted._tag) {
      case "Reply":
        return id === undefined ? undefined : yield* say({ id, result: wanted.result })
      case "Prompt":
        return id === undefined ? undefined : yield* prompt(id, wanted)
      case "Cancel": {
        const runId = active.get(wanted.threadId)
        if (runId === "") cancelled.add(wanted.threadId)
        else if (runId !== undefined) yield* serving.runtime.cancel(runId)
        return id === undefined ? undefined : yield* say({ id, result: {} })
      }
      case "Ask": {
        if (id === undefined) return
        const found = yield* Effect.result(factsOf(speaker, wanted.command))
        if (found._tag === "Failure") return yield* fail(id, found.failure)
        if (wanted.loads === true) yield* loaded(found.success)
        return yield* say({ id, result: wanted.shape(found.success) })
      }
    }
  })

  /** A response to a request of ours: an answer to a question. */
  const decided = Effect.fnUntraced(function* (line: Acp.Line) {
    const key = typeof line.id === "string" ? line.id : ""
    const question = asked.get(key)
    if (question === undefined) return
    asked.delete(key)
    const { approvalId, runId } = question
    const decision = Acp.decisionOf(line)
    yield* Effect.ignore(
      factsOf(speaker, {
        _tag: "Answer",
        address: { runId },
        decisions: [{ approvalId, decision }],
        results: []
      })
    )
  })

  yield* Stream.runForEach(incoming, (text) => {
    if (typeof text !== "string") return say({ id: null, error: { code: -32600, message: tooLong(text) } })
    const line = Acp.decodeLine(text)
    if (line === undefined) return say({ id: null, error: { code: -32700, message: "Invalid JSON" } })
    if ("kind" in line) return say({ id: null, error: { code: -32600, message: line.message } })
    return Effect.asVoid(FiberSet.run(turns, line.method === undefined ? decided(line) : answer(line)))
  })
  yield* drained(turns)
})
