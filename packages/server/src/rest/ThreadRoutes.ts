/** Native routes of a thread as a whole: rewind it, list and read its branches, return to one, and fork it. */
import { QueryRejections, type RunErrors } from "@reins/protocol"
import type { BranchNotFound, ListedBranch, RewoundThread, ThreadExists, ThreadNotFound } from "@reins/runtime"
import { type Dialect, Refusal } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Principal } from "../access/Authenticator.ts"
import * as Lookup from "../run/Lookup.ts"
import { newThread, type ServerContext } from "../run/ServerContext.ts"

/** `to`: the index of a message of the thread, or the id of a run in it. */
export const Rewind = Schema.Struct({ to: Schema.Union([Schema.Natural, Schema.String]) })

/** `at`: how many messages; absent: all. `branch`: of this branch. `threadId`: the new thread's id; absent: a new one. */
export const Fork = Schema.Struct({
  at: Schema.optionalKey(Schema.Natural),
  branch: Schema.optionalKey(Schema.String),
  threadId: Schema.optionalKey(Schema.String)
})

/** A branch as clients see it. */
export const Branch = Schema.Struct({
  branchId: Schema.String,
  of: Schema.optionalKey(Schema.String),
  from: Schema.Natural,
  version: Schema.Natural,
  replacedAt: Schema.Natural,
  replacedBy: Schema.optionalKey(Schema.String),
  runs: Schema.Array(Schema.Struct({ runId: Schema.String, before: Schema.Natural }))
}).annotate({ identifier: "Branch" })

// A misspelt field is refused, instead of doing something else than was meant.
const readRewind = Schema.decodeUnknownOption(Rewind, { onExcessProperty: "error" })
const readFork = Schema.decodeUnknownOption(Fork, { onExcessProperty: "error" })
const noBranch = Refusal.make("not-found", "BranchNotFound", "Unknown branch")

type Failure =
  | BranchNotFound
  | QueryRejections.PlaceNotFound
  | QueryRejections.ThreadBusy
  | RunErrors.DataDamaged
  | ThreadExists
  | ThreadNotFound

/** A refusal names the thread as the client does. */
const refused =
  (threadId: string) =>
  (failure: Failure): Refusal.Refusal => {
    switch (failure._tag) {
      case "ThreadNotFound":
        return Lookup.noThread
      case "BranchNotFound":
        return noBranch
      case "ThreadExists":
        return Refusal.make("conflict", "ThreadExists", "The thread already exists")
      case "DataDamaged":
        return Refusal.fromDataDamaged(failure)
      case "ThreadBusy":
        return Refusal.fromQueryRejected(new QueryRejections.ThreadBusy({ threadId, runId: failure.runId }))
      case "PlaceNotFound":
        return Refusal.fromQueryRejected(new QueryRejections.PlaceNotFound({ threadId, place: failure.place }))
    }
  }

/** The runtime's name of the thread in a request's path, and the client's. */
const named = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, { params }: Dialect.Request) {
  const threadId = params["threadId"] ?? ""
  if (!(yield* Lookup.hasThread(serving, principal, threadId))) return yield* Effect.fail(Lookup.noThread)
  const inner = yield* serving.naming.inner(principal.tenant, threadId)
  return { threadId, inner, resourceId: principal.tenant }
})

const rewound = (threadId: string, { branchId, version }: RewoundThread): Dialect.Reply => ({
  status: 200,
  body: { threadId, version, ...(branchId === undefined ? {} : { branchId }) }
})

/** `POST /threads/:threadId/rewind`. */
export const rewind = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  request: Dialect.Request
) {
  const { inner, resourceId, threadId } = yield* named(serving, principal, request)
  const asked = readRewind(request.body)
  if (Option.isNone(asked)) {
    return yield* Effect.fail(
      Refusal.badRequest("Missing or invalid field to, or another field. Use the index of a message or a run's id")
    )
  }
  const done = serving.runtime.threads.rewind(inner, { ...asked.value, resourceId })
  return rewound(threadId, yield* Effect.mapError(done, refused(threadId)))
})

/** `GET /threads/:threadId/branches`. */
export const branches = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  request: Dialect.Request
) {
  const { inner, resourceId } = yield* named(serving, principal, request)
  // A thread that the server only has notes of has no branches.
  const none: ReadonlyArray<ListedBranch> = []
  const found = yield* Effect.orElseSucceed(serving.runtime.threads.branches(inner, { resourceId }), () => none)
  return { status: 200, body: { branches: found.map(outward) } } satisfies Dialect.Reply
})

const outward = ({ of, replacedBy, runs, ...branch }: ListedBranch) => ({
  ...branch,
  ...(of === undefined ? {} : { of }),
  ...(replacedBy === undefined ? {} : { replacedBy }),
  runs: runs.map(({ before, runId }) => ({ runId, before }))
})

/** `GET /threads/:threadId/branches/:branchId`. */
export const branch = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  request: Dialect.Request
): Effect.fn.Return<Dialect.Reply, Refusal.Refusal> {
  const { inner, resourceId, threadId } = yield* named(serving, principal, request)
  const branch = request.params["branchId"] ?? ""
  const messages = yield* Effect.mapError(serving.runtime.threads.get(inner, { resourceId, branch }), refused(threadId))
  return { status: 200, body: { branchId: branch, messages } }
})

/** `POST /threads/:threadId/branches/:branchId/return`. */
export const returnTo = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  request: Dialect.Request
) {
  const { inner, resourceId, threadId } = yield* named(serving, principal, request)
  const done = serving.runtime.threads.returnTo(inner, request.params["branchId"] ?? "", { resourceId })
  return rewound(threadId, yield* Effect.mapError(done, refused(threadId)))
})

/** `POST /threads/:threadId/fork`. */
export const fork = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  request: Dialect.Request
) {
  const { inner, resourceId, threadId } = yield* named(serving, principal, request)
  const asked = readFork(request.body ?? {})
  const forkId = Option.getOrUndefined(asked)?.threadId ?? newThread(serving, principal.tenant)
  if (Option.isNone(asked) || !Lookup.isId(forkId)) {
    return yield* Effect.fail(Refusal.badRequest("Invalid or unknown field. Use at, branch and threadId"))
  }
  const { at, branch } = asked.value
  const name = yield* serving.naming.inner(principal.tenant, forkId)
  const done = serving.runtime.threads.fork(inner, {
    at,
    branch,
    threadId: name,
    resourceId,
    principal: principal.name
  })
  yield* Effect.mapError(done, refused(threadId))
  return { status: 200, body: { threadId: forkId } } satisfies Dialect.Reply
})
