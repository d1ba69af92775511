/**
 * Steerable's sidecar over lines: its host starts this process, sends requests in JSON-RPC and gets notifications. A
 * stream's id is the client's word for a run; a trace is a run's log.
 *
 * Consent is given by `agent.chat.consent` (`streamId`, and `callId` or `approvalId`), our own method: the protocol has
 * none for a run that waits. A tool that is called by hand (`tool.invoke`) is a run of its own, with that call: a tool
 * that asks a person needs `consentGranted`, and its result names the run as `traceId`.
 */
import { Decision } from "@reins/protocol"
import { Refusal } from "@reins/wire"
import { dialect, JsonRpc, Sidecar, Trace } from "@reins/wire/steerable"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { actor, type Principal } from "../access/Authenticator.ts"
import * as AgentDescription from "../run/AgentDescription.ts"
import * as Continuation from "../run/Continuation.ts"
import * as Lookup from "../run/Lookup.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import * as ThreadName from "../thread/ThreadName.ts"
import { factsOf, shownRun, type Speaker, drained, type Lines, tooLong } from "./Lines.ts"

/**
 * What the process says of itself. `ready`: told the line that announces it, on standard error; absent: it is left out.
 */
export interface Process {
  readonly pid: number
  readonly platform: string
  readonly version: string
  readonly ready?: ((line: string) => Effect.Effect<void>) | undefined
}

const noConsent = Refusal.make("forbidden", "ConsentRequired", "The tool needs consent. Call it with consentGranted")
const denied = Refusal.make("forbidden", "Denied", "The agent's policy denies this call")
const exhausted = Refusal.make("budget", "BudgetExhausted", "A limit does not allow this call")
const badCall = (message: string) => Refusal.badRequest(message)
const taken = Refusal.make("conflict", "StreamIdTaken", "A stream with this id is open. Use a new id")

/** Serves until its host asks it to shut down or closes its end. */
export const serve = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { incoming, send }: Lines,
  { pid, platform, ready, version }: Process
) {
  const speaker: Speaker = { serving, principal, dialect }
  const streams = yield* FiberSet.make<unknown, unknown>()
  const over = yield* Deferred.make<"normal" | "eof">()
  const runs = new Map<string, string>()
  const open = new Set<string>()
  /** Streams that were asked for and have no run yet: what is said of one waits for it. */
  const starting = new Map<string, Deferred.Deferred<void>>()
  let logLevel = "INFO"
  let isDraining = false

  const { protocolVersion } = Sidecar
  const health = Effect.map(Clock.currentTimeMillis, (now) => ({
    status: isDraining ? "shutting_down" : "ok",
    version,
    protocolVersion,
    uptimeMs: Math.max(0, now - serving.startedAt),
    pid,
    pythonVersion: "",
    platform,
    loadedProviders: [],
    loadedTools: serving.agents.map(({ name }) => name),
    activeTraces: open.size,
    checks: {}
  }))

  /** The run of a stream's id, or the run with that id itself. */
  const runOf = (id: string): Effect.Effect<string> => {
    const begun = starting.get(id)
    const known = Effect.sync(() => runs.get(id) ?? id)
    return begun === undefined ? known : Effect.andThen(Deferred.await(begun), known)
  }

  const trace = Effect.fnUntraced(function* (traceId: string) {
    const status = yield* Lookup.run(serving, principal, yield* runOf(traceId))
    const rename = ThreadName.envelopes(serving.naming, status.resourceId)
    const log = yield* serving.runtime.watch(status.runId).pipe(
      Stream.take(status.lastSeq),
      Stream.runCollect,
      Effect.orElseSucceed(() => [])
    )
    return Trace.of(traceId, log.map(rename))
  })

  /** Runs a tool without a model, and returns its result. */
  const invoke = Effect.fnUntraced(function* ({
    arguments: args,
    consentGranted,
    id,
    name
  }: typeof Sidecar.Invoke.Type) {
    const { agents, allowance, runtime } = serving
    const agent = agents.find((one) => AgentDescription.toolsOf(one).some((tool) => tool.name === name))
    if (agent === undefined) return Sidecar.unknownTool(name)
    const { tenant: resourceId } = principal
    if (!allowance.takeRun(resourceId)) return yield* Effect.fail(Continuation.manyRuns)
    const by = { resourceId, principal: actor(principal) }
    return yield* Effect.gen(function* () {
      const { cancel, envelopes, runId } = yield* Effect.mapError(
        runtime.callTool({ name, args, agent, id, resourceId, principal: principal.name, quotas: principal.quotas }),
        ({ reason }) => (reason._tag === "InvalidInput" ? badCall(reason.issue) : Refusal.fromQueryRejected(reason))
      )
      const began = yield* Clock.currentTimeMillis
      let refusal: Refusal.Refusal | undefined
      let result: object | undefined
      yield* Stream.runForEach(envelopes, ({ at, event }) => {
        if (event.type === "approval-required") {
          const ended = Effect.suspend(() => {
            refusal ??= noConsent
            return cancel
          })
          // Consent can answer only questions of consent.
          return consentGranted === true
            ? Effect.catch(runtime.respondToApproval(event.data.id, "approve", by), () => ended)
            : ended
        }
        if (event.type === "budget_exhausted") refusal ??= exhausted
        if (event.type === "error") refusal ??= Refusal.make("internal", "Internal", event.error.message)
        if (event.type === "tool-invocation" && event.state === "result") {
          if (event.status === "denied") refusal ??= denied
          result = Sidecar.invoked(event, { traceId: runId, durationMs: Math.max(0, at - began) })
        }
        return Effect.void
      })
      return refusal === undefined ? result : yield* Effect.fail(refusal)
    }).pipe(Effect.ensuring(Effect.sync(() => allowance.leaveRun(resourceId))))
  })

  /** Starts a stream: its id is answered at once, and its frames follow as they come. */
  const stream = Effect.fnUntraced(function* (
    id: JsonRpc.Id | undefined,
    command: Extract<Sidecar.Called, { readonly _tag: "Command" }>["command"],
    streamId: string,
    begins: Deferred.Deferred<void>
  ) {
    const reply = (line: (to: JsonRpc.Id) => string) => (id === undefined ? Effect.void : send(line(id)))
    const begun = yield* Effect.result(shownRun(speaker, command, () => Sidecar.open(streamId)))
    if (begun._tag === "Success") runs.set(streamId, begun.success.feed.runId)
    starting.delete(streamId)
    yield* Deferred.succeed(begins, undefined)
    if (begun._tag === "Failure") {
      open.delete(streamId)
      return yield* reply((to) => JsonRpc.refused(to, begun.failure))
    }
    const { read } = begun.success
    yield* reply((to) => JsonRpc.response(to, { streamId }))
    yield* Effect.ensuring(
      read(({ data }) => send(data)),
      Effect.sync(() => open.delete(streamId))
    )
  })

  const answer = Effect.fnUntraced(function* (request: JsonRpc.Request) {
    const id = request.id ?? undefined
    const reply = (result: unknown) => (id === undefined ? Effect.void : send(JsonRpc.response(id, result)))
    const refuse = (refusal: Refusal.Refusal) => (id === undefined ? Effect.void : send(JsonRpc.refused(id, refusal)))
    const called = Sidecar.decode(request)
    if (Result.isFailure(called)) return id === undefined ? undefined : yield* send(JsonRpc.failure(called.failure))
    const wanted = called.success
    switch (wanted._tag) {
      case "Ping":
        return yield* reply(yield* health)
      case "Shutdown":
        isDraining = true
        yield* reply(null)
        if (!wanted.isNow) yield* FiberSet.awaitEmpty(streams)
        return yield* Deferred.succeed(over, "normal")
      case "GetConfig":
        return yield* reply({ logLevel })
      case "SetConfig":
        logLevel = wanted.logLevel
        return yield* reply(null)
      case "Invoke": {
        const found = yield* Effect.result(invoke(wanted.call))
        return yield* found._tag === "Failure" ? refuse(found.failure) : reply(found.success)
      }
      case "FetchTrace": {
        const found = yield* Effect.result(trace(wanted.traceId))
        return yield* found._tag === "Failure" ? refuse(found.failure) : reply(found.success)
      }
      case "Consent": {
        const { approvalId, callId, consentGranted, message, streamId } = wanted.consent
        const decision = consentGranted
          ? Decision.approve({ feedback: message })
          : Decision.reject({ feedback: message })
        const found = yield* Effect.result(
          factsOf(speaker, {
            _tag: "Answer",
            address: { runId: yield* runOf(streamId) },
            decisions: [
              {
                ...(approvalId === undefined ? {} : { approvalId }),
                ...(callId === undefined ? {} : { toolCallId: callId }),
                decision
              }
            ],
            results: []
          })
        )
        return yield* found._tag === "Failure" ? refuse(found.failure) : reply(null)
      }
      case "Command": {
        const { command } = wanted
        if (command._tag === "StartQuery") {
          const streamId = wanted.streamId ?? serving.newId("stream")
          if (open.has(streamId)) return yield* refuse(taken)
          open.add(streamId)
          const begins = Deferred.makeUnsafe<void>()
          starting.set(streamId, begins)
          yield* FiberSet.run(streams, stream(id, command, streamId, begins))
          return
        }
        const meant =
          command._tag === "Cancel"
            ? { ...command, address: { runId: yield* runOf(command.address.runId ?? "") } }
            : command
        const found = yield* Effect.result(factsOf(speaker, meant))
        return yield* found._tag === "Failure" ? refuse(found.failure) : reply(Sidecar.shape(found.success))
      }
    }
  })

  if (ready !== undefined) yield* ready(`__SIDECAR_READY__:${JSON.stringify(yield* health)}`)
  yield* send(JsonRpc.notification("lifecycle.ready", { version, protocolVersion, pid, listenInfo: null }))
  const requests = yield* FiberSet.make<unknown, unknown>()
  const read = Stream.runForEach(incoming, (line) => {
    if (typeof line !== "string") {
      return send(JsonRpc.failure({ id: null, kind: "invalid_request", message: tooLong(line) }))
    }
    const request = JsonRpc.decodeLine(line)
    if (Result.isFailure(request)) return send(JsonRpc.failure(request.failure))
    return Effect.asVoid(FiberSet.run(requests, answer(request.success)))
  })
  yield* Effect.raceFirst(
    Effect.andThen(Effect.andThen(read, drained(requests, streams)), Deferred.succeed(over, "eof")),
    Deferred.await(over)
  )
  yield* send(JsonRpc.notification("lifecycle.shutdown", { reason: yield* Deferred.await(over) }))
})
