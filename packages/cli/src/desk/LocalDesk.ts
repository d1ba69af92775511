/**
 * The desk of a local store. It carries no run: an answer that is given here counts, and the run goes on where it is
 * carried.
 */
import { Runtime } from "@reins/runtime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ThreadChoice from "../chat/ThreadChoice.ts"
import { type CommandFailed, ended, failed } from "../setting/CommandFailed.ts"
import { type Store, wordsOf } from "../setting/StoreChoice.ts"
import type { Desk } from "./Desk.ts"
import * as StoreArchive from "./StoreArchive.ts"

/** The desk of a tenant. Needs a runtime over the same store. */
export const make = Effect.fnUntraced(function* (
  store: Store,
  tenant: string
): Effect.fn.Return<Desk, CommandFailed, Runtime | Scope.Scope> {
  const runtime = yield* Runtime
  if (store._tag === "Memory") yield* StoreArchive.isThere(store)
  const resourceId = tenant
  /** The same error for a run of another tenant and for an unknown run. */
  const known = (runId: string) =>
    Effect.flatMap(runtime.status(runId), (status) =>
      status?.resourceId === tenant
        ? Effect.succeed(status)
        : Effect.fail(failed(`There is no run ${JSON.stringify(runId)}. reins runs lists them.`))
    )
  /** With its thread as its tenant names it. */
  const outward = <A extends { readonly threadId: string }>(one: A): A => ({
    ...one,
    threadId: ThreadChoice.shown(one.threadId, tenant)
  })
  return {
    runs: Effect.fnUntraced(function* (filter) {
      const { threadId } = filter
      const named = threadId === undefined ? {} : { threadId: yield* ThreadChoice.stored(runtime, threadId, tenant) }
      const page = yield* runtime.runs.list({ ...filter, ...named, resourceId })
      return { ...page, runs: page.runs.map(outward) }
    }),
    costs: (options, everyTenant) => runtime.costs.by(everyTenant ? options : { ...options, resourceId }),
    events: (runId, { after, follow }) =>
      Stream.unwrap(
        Effect.map(known(runId), ({ lastSeq }) => {
          const all = Stream.mapError(runtime.watch(runId, { after }), (error) => failed(ended(error.message)))
          if (follow) return all
          return after >= lastSeq ? Stream.empty : Stream.takeUntil(all, ({ seq }) => seq >= lastSeq)
        })
      ),
    approvals: Effect.map(runtime.pendingApprovals({ resourceId }), (all) =>
      all.map((asked) => ({ ...asked, request: outward(asked.request) }))
    ),
    answer: (id, decision) =>
      Effect.mapError(Effect.asVoid(runtime.respondToApproval(id, decision, { resourceId })), (error) =>
        error.reason._tag === "ApprovalNotFound"
          ? failed(`No approval ${JSON.stringify(id)} is open. reins approvals lists them.`, error)
          : failed(wordsOf(error), error)
      ),
    deliver: (ticketId, result, costUsd) =>
      Effect.mapError(runtime.results.deliver(ticketId, result, { resourceId, costUsd }), (error) =>
        failed(ended(error.message), error)
      ),
    cancel: (runId) => Effect.andThen(known(runId), runtime.cancel(runId)),
    raise: (runId, limits) =>
      Effect.andThen(
        known(runId),
        Effect.mapError(runtime.raiseBudget(runId, limits, { resourceId }), (error) =>
          error.reason._tag === "ApprovalNotFound"
            ? failed(`Run ${runId} does not wait for more budget. reins approvals lists the open questions.`, error)
            : failed(ended(error.message), error)
        )
      ),
    grants: Effect.map(runtime.grants.list({ resourceId }), (all) => all.map(outward)),
    revoke: (id) => runtime.grants.revoke(id, { resourceId }),
    audit: ({ limit, runId }) =>
      Effect.map(
        runtime.approvals.history({ resourceId, limit, ...(runId === undefined ? {} : { runId }) }),
        ({ acts }) => acts.map(outward)
      )
  }
})
