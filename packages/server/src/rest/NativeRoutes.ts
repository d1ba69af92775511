/**
 * Native routes without a command, since no foreign protocol has them: lists of runs, grants, quotas, files, messages
 * to a running run, and raising its budget.
 */
import { Audit, type Json, Message } from "@reins/protocol"
import type { Grant, StoredFile } from "@reins/runtime"
import { Refusal, type Dialect } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Lookup from "../run/Lookup.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import { actor, type Principal } from "../access/Authenticator.ts"
import * as ThreadRoutes from "./ThreadRoutes.ts"
import * as OperatorRoutes from "./OperatorRoutes.ts"
import * as ReplayRoutes from "./ReplayRoutes.ts"
import * as WebhookRoutes from "./WebhookRoutes.ts"

export interface NativeRoute {
  readonly method: Dialect.Method
  readonly path: string
  /** True: it shows no content and changes nothing, so that the role `auditor` may use it. Absent: it may not. */
  readonly isForAuditors?: boolean
  readonly handle: (
    serving: ServerContext,
    principal: Principal,
    request: Dialect.Request
  ) => Effect.Effect<Dialect.Reply | FileReply, Refusal.Refusal>
}

/** A file as the answer. */
export interface FileReply {
  readonly file: StoredFile
}

/** New limits by name, each above what is already used. */
export const Raise = Schema.Struct({
  limits: Schema.Record(
    Schema.String,
    Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThanOrEqualTo(Number.MAX_SAFE_INTEGER))
  )
})

/**
 * A message to a running run. `messageId`: repeating it sends the same message; absent: a new one. `questions`: what
 * happens to open questions about calls and plans; absent: they are kept.
 */
export const Steer = Schema.Struct({
  message: Message.Prompt,
  messageId: Schema.optionalKey(Schema.String),
  questions: Schema.optionalKey(Schema.Literals(["keep", "withdraw"]))
})

/** The late result of a call: one of both. `costUsd`: what it has cost, in US dollars; absent: nothing. */
export const LateResult = Schema.Struct({
  value: Schema.optionalKey(Schema.Json),
  failure: Schema.optionalKey(Schema.Json),
  costUsd: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))
})

// A misspelt field is refused, instead of doing something else than was meant.
const readLate = Schema.decodeUnknownOption(LateResult, { onExcessProperty: "error" })
const readSteer = Schema.decodeUnknownOption(Steer)
const readRaise = Schema.decodeUnknownOption(Raise, { onExcessProperty: "error" })
const noGrant = Refusal.make("not-found", "GrantNotFound", "Unknown grant")

/** A whole number of a query; `NaN` if it is invalid. */
const timeOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN

const noFile = Refusal.make("not-found", "FileNotFound", "Unknown file")

const outward = ({ naming }: ServerContext, grant: Grant.Grant): Json => ({
  ...grant,
  threadId: naming.outer(grant.resourceId, grant.threadId)
})

export const routes: ReadonlyArray<NativeRoute> = [
  {
    method: "GET",
    path: "/runs",
    isForAuditors: true,
    handle: (serving, principal, { query }) => OperatorRoutes.list(serving, principal, query)
  },
  {
    method: "GET",
    path: "/runs/:runId",
    isForAuditors: true,
    handle: (serving, principal, { params }) => OperatorRoutes.get(serving, principal, params["runId"] ?? "")
  },
  {
    method: "GET",
    path: "/runs/:runId/export",
    handle: (serving, principal, { params }) => ReplayRoutes.exported(serving, principal, params["runId"] ?? "")
  },
  { method: "POST", path: "/runs/:runId/replay", isForAuditors: true, handle: ReplayRoutes.replay },
  { method: "POST", path: "/runs/:runId/fork", handle: ReplayRoutes.fork },
  {
    method: "GET",
    path: "/runs/:runId/estimates",
    isForAuditors: true,
    handle: (serving, principal, { params }) => OperatorRoutes.estimates(serving, principal, params["runId"] ?? "")
  },
  {
    method: "POST",
    path: "/runs/:runId/corrections",
    handle: (serving, principal, { body, params }) =>
      OperatorRoutes.correct(serving, principal, params["runId"] ?? "", body)
  },
  {
    method: "GET",
    path: "/costs",
    isForAuditors: true,
    handle: OperatorRoutes.costs
  },
  {
    method: "GET",
    path: "/principal",
    isForAuditors: true,
    handle: (_, principal) => OperatorRoutes.self(principal)
  },
  { method: "DELETE", path: "/principals/:principalId", handle: OperatorRoutes.erase },
  {
    method: "GET",
    path: "/webhooks",
    handle: (serving, principal) => WebhookRoutes.list(serving, principal)
  },
  {
    method: "POST",
    path: "/webhooks",
    handle: WebhookRoutes.add
  },
  {
    method: "POST",
    path: "/webhooks/:webhookId/secret",
    handle: (serving, principal, { params }) => WebhookRoutes.rotate(serving, principal, params["webhookId"] ?? "")
  },
  { method: "GET", path: "/webhooks/:webhookId/notices", handle: WebhookRoutes.notices },
  {
    method: "POST",
    path: "/webhooks/:webhookId/retry",
    handle: (serving, principal, { params }) => WebhookRoutes.retry(serving, principal, params["webhookId"] ?? "")
  },
  {
    method: "DELETE",
    path: "/webhooks/:webhookId",
    handle: (serving, principal, { params }) => WebhookRoutes.remove(serving, principal, params["webhookId"] ?? "")
  },
  {
    method: "GET",
    path: "/memories",
    handle: (serving, principal, { query }) => OperatorRoutes.memories(serving, principal, query)
  },
  {
    method: "DELETE",
    path: "/memories/:memoryId",
    handle: (serving, principal, { params }) => OperatorRoutes.forget(serving, principal, params["memoryId"] ?? "")
  },
  {
    method: "GET",
    path: "/quotas",
    isForAuditors: true,
    handle: ({ runtime }, { name, quotas, tenant }) =>
      runtime.quotas.usage({ resourceId: tenant, principal: name, quotas }).pipe(
        Effect.map((quotas) => ({ status: 200, body: { quotas } })),
        Effect.mapError(Refusal.fromQueryRejected)
      )
  },
  {
    method: "GET",
    path: "/approvals/history",
    isForAuditors: true,
    handle: Effect.fnUntraced(function* (serving, { tenant }, { headers, query }) {
      const { naming, runtime } = serving
      const times = { since: timeOf(query["since"]), until: timeOf(query["until"]), limit: timeOf(query["limit"]) }
      for (const [field, value] of Object.entries(times)) {
        if (Number.isNaN(value)) {
          return yield* Effect.fail(Refusal.badRequest(`Invalid ${field}. Use a whole number, 0 or more`))
        }
      }
      const { after, principal, runId, threadId } = query
      const { acts, next } = yield* runtime.approvals.history({
        ...times,
        resourceId: tenant,
        principal,
        runId,
        threadId: threadId === undefined ? undefined : yield* naming.inner(tenant, threadId),
        after
      })
      const told = acts.map((act) => ({ ...act, threadId: naming.outer(tenant, act.threadId) }))
      if (!/\bapplication\/x-ndjson\b/.test(headers["accept"] ?? "")) {
        return { status: 200, body: { acts: told, ...(next === undefined ? {} : { next }) } }
      }
      return {
        status: 200,
        text: told.map((act) => `${Audit.toLine(act)}\n`).join(""),
        headers: { "content-type": "application/x-ndjson", ...(next === undefined ? {} : { "reins-next": next }) }
      }
    })
  },
  {
    method: "GET",
    path: "/grants",
    handle: (serving, { tenant }) =>
      Effect.map(serving.runtime.grants.list({ resourceId: tenant }), (grants) => ({
        status: 200,
        body: { grants: grants.map((grant) => outward(serving, grant)) }
      }))
  },
  {
    method: "DELETE",
    path: "/grants/:grantId",
    handle: ({ runtime }, { name, tenant }, { params }) =>
      Effect.flatMap(runtime.grants.revoke(params["grantId"] ?? "", { resourceId: tenant, by: name }), (isRevoked) =>
        isRevoked ? Effect.succeed({ status: 204 }) : Effect.fail(noGrant)
      )
  },
  {
    method: "GET",
    path: "/files/:fileId",
    handle: ({ runtime }, { tenant }, { params }) =>
      runtime.files.get(params["fileId"] ?? "", { resourceId: tenant }).pipe(
        Effect.mapError(Refusal.fromDataDamaged),
        Effect.flatMap((file) => (file === undefined ? Effect.fail(noFile) : Effect.succeed({ file })))
      )
  },
  {
    method: "GET",
    path: "/threads/:threadId/files",
    handle: Effect.fnUntraced(function* (serving, principal, { params }) {
      const threadId = params["threadId"] ?? ""
      if (!(yield* Lookup.hasThread(serving, principal, threadId))) return yield* Effect.fail(Lookup.noThread)
      const inner = yield* serving.naming.inner(principal.tenant, threadId)
      const files = yield* serving.runtime.files.list(inner, { resourceId: principal.tenant })
      const told = files.map(({ at, fileId, filename, mediaType, runId, sizeBytes }): Json => {
        return { fileId, runId, filename, mediaType, sizeBytes, at }
      })
      return { status: 200, body: { files: told } }
    })
  },
  { method: "POST", path: "/threads/:threadId/rewind", handle: ThreadRoutes.rewind },
  { method: "GET", path: "/threads/:threadId/branches", handle: ThreadRoutes.branches },
  { method: "GET", path: "/threads/:threadId/branches/:branchId", handle: ThreadRoutes.branch },
  { method: "POST", path: "/threads/:threadId/branches/:branchId/return", handle: ThreadRoutes.returnTo },
  { method: "POST", path: "/threads/:threadId/fork", handle: ThreadRoutes.fork },
  {
    method: "POST",
    path: "/runs/:runId/messages",
    handle: Effect.fnUntraced(function* (serving, principal, { body, params }) {
      const steer = readSteer(body)
      if (Option.isNone(steer)) {
        return yield* Effect.fail(Refusal.badRequest("Missing or invalid field message, messageId or questions"))
      }
      const { message, messageId, questions } = steer.value
      if (messageId !== undefined && !Lookup.isId(messageId)) {
        return yield* Effect.fail(Refusal.badRequest("Invalid messageId. Use 1 to 512 characters"))
      }
      const { runId } = yield* Lookup.run(serving, principal, params["runId"] ?? "")
      const steered = yield* serving.runtime
        .steer(runId, message, { messageId, questions, resourceId: principal.tenant })
        .pipe(
          Effect.mapError((error) => (error._tag === "RunNotFound" ? Lookup.noRun : Refusal.fromMessageRefused(error)))
        )
      return { status: 202, body: { messageId: steered.messageId, position: steered.position, after: steered.after } }
    })
  },
  {
    method: "GET",
    path: "/results/:ticketId",
    handle: Effect.fnUntraced(function* (serving, principal, { params }) {
      const { agentPath, callId, expiresAt, runId, schema, state, ticketId, toolName } = yield* serving.runtime.results
        .get(params["ticketId"] ?? "", { resourceId: principal.tenant })
        .pipe(Effect.mapError(Refusal.fromResultRefused))
      const late = expiresAt === undefined ? {} : { expiresAt }
      return { status: 200, body: { ticketId, runId, toolName, callId, agentPath, schema, state, ...late } }
    })
  },
  {
    method: "POST",
    path: "/results/:ticketId",
    handle: Effect.fnUntraced(function* (serving, principal, { body, params }) {
      const late = Option.getOrUndefined(readLate(body))
      const { costUsd, failure, value } = late ?? {}
      if (late === undefined || (value === undefined) === (failure === undefined)) {
        return yield* Effect.fail(
          Refusal.badRequest("Send one of value and failure, and costUsd if it cost something, and nothing else")
        )
      }
      const result = value === undefined ? { failure: failure ?? null } : { value }
      yield* serving.runtime.results
        .deliver(params["ticketId"] ?? "", result, { costUsd, resourceId: principal.tenant })
        .pipe(Effect.mapError(Refusal.fromResultRefused))
      return { status: 202, body: {} }
    })
  },
  {
    method: "POST",
    path: "/runs/:runId/budget",
    handle: Effect.fnUntraced(function* (serving, principal, { body, params }) {
      const raise = readRaise(body)
      if (Option.isNone(raise))
        return yield* Effect.fail(Refusal.badRequest("Missing or invalid field limits, or another field"))
      const { runId } = yield* Lookup.run(serving, principal, params["runId"] ?? "")
      yield* serving.runtime
        .raiseBudget(runId, raise.value.limits, { resourceId: principal.tenant, principal: actor(principal) })
        .pipe(Effect.mapError(({ reason }) => Refusal.fromApprovalError(reason)))
      return { status: 202, body: {} }
    })
  }
]

const undecoded = (): Dialect.Decoded => Result.fail(Refusal.badRequest("This route has no command"))

/** The routes in the form that `Dialect.match` needs; `handle` executes them. */
export const places: ReadonlyArray<Dialect.Route> = routes.map(({ method, path }) => ({
  method,
  path,
  decode: undecoded
}))

/** Whether the role `auditor` may use a route: one that shows it no content and changes nothing. */
export const isForAuditors = (dialect: Dialect.Dialect, route: Dialect.Route): boolean =>
  find(route)?.isForAuditors === true ||
  // The events of a run, which it gets without content.
  (dialect.name === "native" && route.method === "GET" && route.path === "/runs/:runId/events")

/** The handler of a route in `places`. */
export const find = (route: Dialect.Route): NativeRoute | undefined =>
  route.decode === undecoded
    ? routes.find(({ method, path }) => method === route.method && path === route.path)
    : undefined
