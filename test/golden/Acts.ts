/**
 * What callers do to golden runs: start them, answer their questions, wait until nothing more happens by itself.
 */
import type { Approval, Budget, Json, Message } from "@reins/protocol"
import { Decision, type QueryOptions, type Runtime } from "@reins/runtime"
import { Effect, Stream } from "effect"
import { surveyor } from "./Agents.ts"
import type { World } from "./World.ts"

/** Something that is done in a runtime. */
export type Act = (runtime: Runtime["Service"], world: World) => Effect.Effect<void, unknown>

/** The thread of a run that names no other. */
export const threadOf = (runId: string): string => `thread of ${runId}`

export const start =
  (runId: string, script: string, options: QueryOptions = {}): Act =>
  (runtime) =>
    Effect.asVoid(runtime.start(`${script}: go`, { runId, threadId: threadOf(runId), ...options }))

/** Starts the surveyor from code, and goes. */
export const survey =
  (runId: string, script: string): Act =>
  (runtime) =>
    Effect.asVoid(
      Effect.forkDetach(
        Effect.ignore(
          runtime.completeSpecialist(surveyor, { script, place: "the pier" }, { runId, threadId: threadOf(runId) })
        )
      )
    )

/** Answers the open questions of a run that `decide` has an answer for. */
export const answer =
  (runId: string, decide: (request: Approval.Request) => Decision | undefined, resourceId?: string): Act =>
  (runtime) =>
    Effect.gen(function* () {
      for (const { request } of yield* runtime.pendingApprovals({ runId, resourceId })) {
        const decision = decide(request)
        if (decision !== undefined) yield* runtime.respondToApproval(request.id, decision)
      }
    })

/** Answers all of a run's open questions alike. */
export const decide = (runId: string, decision: Decision, resourceId?: string): Act =>
  answer(runId, () => decision, resourceId)

export const yes = Decision.approve({ by: "mia" })
export const no = Decision.reject({ by: "mia", feedback: "not today" })

export const submit =
  (runId: string, callId: string, result: Json): Act =>
  (runtime) =>
    runtime.submitToolResult(runId, callId, { result })

export const raise =
  (runId: string, limits: { readonly [limit: string]: number }): Act =>
  (runtime) =>
    runtime.raiseBudget(runId, limits, { by: "mia" })

export const cancel =
  (runId: string): Act =>
  (runtime) =>
    Effect.asVoid(runtime.cancel(runId))

export const limit =
  (threadId: string, budget: Budget.Budget): Act =>
  (runtime) =>
    runtime.threads.limit(threadId, budget)

export const begin =
  (threadId: string, history: ReadonlyArray<Message.Message>): Act =>
  (runtime) =>
    Effect.asVoid(runtime.threads.import(history, { threadId }))

export const fork =
  (from: string, threadId: string, at: number): Act =>
  (runtime) =>
    Effect.asVoid(runtime.threads.fork(from, { threadId, at }))

/** Waits until neither a run nor anything else says or does anything for a while. */
export const rest =
  (runId: string): Act =>
  (runtime, world) =>
    Effect.gen(function* () {
      let seen = ""
      for (let looks = 0; looks < world.patience; looks++) {
        const status = yield* runtime.status(runId)
        const now = `${status?.lastSeq} ${world.calls.length} ${world.requests.length}`
        if (now !== seen) looks = 0
        seen = now
        yield* Effect.sleep(10)
      }
    })

/** Waits until a run has ended, for ten seconds at most. */
export const end =
  (runId: string): Act =>
  (runtime) =>
    Effect.asVoid(Effect.timeoutOption(Stream.runDrain(runtime.watch(runId)), "10 seconds"))
