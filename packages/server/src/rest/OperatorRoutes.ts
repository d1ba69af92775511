/**
 * Native routes for operators and auditors: lists of runs, one run with its summaries, sums of costs, and what the key
 * may see. Others get their own runs and costs only.
 */
import { AgentPath, CostReport, ListedRun, Usage } from "@reins/protocol"
import type { CostOptions, RunDetail, RunFilter } from "@reins/runtime"
import { type Dialect, Refusal } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { operatorOnly, type Principal, restrict, sightOf } from "../access/Authenticator.ts"
import * as Accumulated from "../run/Accumulated.ts"
import * as Lookup from "../run/Lookup.ts"
import type { ServerContext } from "../run/ServerContext.ts"

const CorrectingStruct = Schema.Struct({
  agentPath: Schema.optionalKey(AgentPath.AgentPath),
  step: Schema.Natural,
  purpose: Schema.optionalKey(Schema.Literals(["compaction", "hook"])),
  provider: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.String),
  usage: Usage.Usage,
  costUsd: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))
}).annotate({ identifier: "Correcting" })

/** What an operator says that a row really was; see `CorrectionOptions` of the runtime. */
export interface Correcting extends Schema.Schema.Type<typeof CorrectingStruct> {}
export const Correcting: Schema.Codec<Correcting> = CorrectingStruct

type Query = Dialect.Request["query"]

const isState = Schema.is(Schema.Union([ListedRun.State, Schema.Literal("open")]))
const isReason = Schema.is(ListedRun.EndReason)

/** A whole number of a query; anything else is refused. */
export const natural = (query: Query, field: string): Effect.Effect<number | undefined, Refusal.Refusal> => {
  const text = query[field]
  if (text === undefined) return Effect.undefined
  return /^\d{1,15}$/.test(text)
    ? Effect.succeed(Number(text))
    : Effect.fail(Refusal.badRequest(`Invalid ${field}. Use a whole number, 0 or more`))
}

/** An amount of US dollars of a query. */
const dollars = (query: Query, field: string): Effect.Effect<number | undefined, Refusal.Refusal> => {
  const text = query[field]
  if (text === undefined) return Effect.undefined
  return /^\d{1,9}(\.\d{1,9})?$/.test(text)
    ? Effect.succeed(Number(text))
    : Effect.fail(Refusal.badRequest(`Invalid ${field}. Use US dollars, such as 0.25`))
}

/** A word of a query; an unknown one is refused. */
const word = <A extends string>(
  query: Query,
  field: string,
  is: (value: unknown) => value is A,
  known: string
): Effect.Effect<A | undefined, Refusal.Refusal> => {
  const text = query[field]
  if (text === undefined) return Effect.undefined
  return is(text) ? Effect.succeed(text) : Effect.fail(Refusal.badRequest(`Invalid ${field}. Use ${known}`))
}

const filterOf = Effect.fnUntraced(function* ({ naming }: ServerContext, { tenant }: Principal, query: Query) {
  const { after, agent, threadId } = query
  return {
    agent,
    threadId: threadId === undefined ? undefined : yield* naming.inner(tenant, threadId),
    state: yield* word(query, "state", isState, "running, waiting, open or ended"),
    endReason: yield* word(query, "endReason", isReason, ListedRun.endReasons.join(", ")),
    since: yield* natural(query, "since"),
    until: yield* natural(query, "until"),
    minCostUsd: yield* dollars(query, "minCostUsd"),
    maxCostUsd: yield* dollars(query, "maxCostUsd"),
    after,
    limit: yield* natural(query, "limit")
  } satisfies RunFilter
})

/** The dimensions of `by=tenant,day`. */
const dimensionsOf = (
  text: string | undefined
): Effect.Effect<ReadonlyArray<CostReport.Dimension>, Refusal.Refusal> => {
  const names = (text ?? "").split(",").filter((name) => name !== "")
  const known = CostReport.dimensions.filter((dimension) => names.includes(dimension))
  return names.every((name) => known.some((dimension) => dimension === name))
    ? Effect.succeed(names.flatMap((name) => known.filter((dimension) => dimension === name)))
    : Effect.fail(Refusal.badRequest(`Invalid by. Use ${CostReport.dimensions.join(", ")}, separated by commas`))
}

const isFormat = Schema.is(Schema.Literals(["json", "csv"]))

/** `GET /costs`: sums of the ledger, as JSON or, with `format=csv` or `accept: text/csv`, as CSV. */
export const costs = Effect.fnUntraced(function* (
  { runtime }: ServerContext,
  principal: Principal,
  { headers, query }: Dialect.Request
) {
  const { agent, model, root, runId, tool } = query
  const format = yield* word(query, "format", isFormat, "json or csv")
  const options = {
    dimensions: yield* dimensionsOf(query["by"]),
    agent,
    root,
    runId,
    model,
    tool,
    since: yield* natural(query, "since"),
    until: yield* natural(query, "until"),
    limit: yield* natural(query, "limit")
  } satisfies CostOptions
  const seen = restrict(principal, query["principal"])
  const report =
    seen === undefined ? CostReport.fold([], options.dimensions, 1) : yield* runtime.costs.by({ ...options, ...seen })
  if (format !== "csv" && (format === "json" || !/\btext\/csv\b/.test(headers["accept"] ?? ""))) {
    return { status: 200, body: report }
  }
  return {
    status: 200,
    text: CostReport.toCsv(report),
    headers: { "content-type": "text/csv; charset=utf-8", "content-disposition": 'attachment; filename="costs.csv"' }
  }
})

/** A run with its thread as its tenant names it. */
const outward = <Run extends ListedRun.ListedRun>({ naming }: ServerContext, run: Run): Run => ({
  ...run,
  threadId: naming.outer(run.resourceId, run.threadId)
})

/** `GET /runs` */
export const list = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, query: Query) {
  const filter = yield* filterOf(serving, principal, query)
  const seen = restrict(principal, query["principal"])
  const { next, runs } = seen === undefined ? { runs: [] } : yield* serving.runtime.runs.list({ ...filter, ...seen })
  const body = { runs: runs.map((run) => outward(serving, run)), ...(next === undefined ? {} : { next }) }
  return { status: 200, body }
})

/**
 * `GET /runs/:runId`: the fields of lists, the run's summaries, and, but for an auditor, what it has said so far and
 * what it waits for.
 */
export const get = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, runId: string) {
  const { runtime } = serving
  const run = yield* runtime.runs.get(runId, { resourceId: principal.tenant })
  if (run === undefined) return yield* Effect.fail(Lookup.noRun)
  const told = outward(serving, run)
  if (sightOf(principal) === "order") return { status: 200, body: told }
  return { status: 200, body: { ...told, ...(yield* said(serving, run)) } }
})

/** `GET /runs/:runId/estimates`: the rows of its ledger that are estimated. Without a role, only of own runs. */
export const estimates = Effect.fnUntraced(function* (serving: ServerContext, principal: Principal, runId: string) {
  const { runtime } = serving
  const seen = restrict(principal, undefined)
  const { runs } = seen === undefined ? { runs: [] } : yield* runtime.runs.list({ ...seen, runId, limit: 1 })
  const found = runs.length === 0 ? undefined : yield* runtime.costs.estimates(runId, { resourceId: principal.tenant })
  return found === undefined ? yield* Effect.fail(Lookup.noRun) : { status: 200, body: { estimates: found } }
})

// A misspelt field is refused, instead of doing something else than was meant.
const readCorrection = Schema.decodeUnknownOption(Correcting, { onExcessProperty: "error" })

/** `POST /runs/:runId/corrections`, for operators. */
export const correct = Effect.fnUntraced(function* (
  { runtime }: ServerContext,
  principal: Principal,
  runId: string,
  given: unknown
) {
  if (sightOf(principal) !== "all") return yield* Effect.fail(operatorOnly("Costs are corrected by an operator"))
  const asked = readCorrection(given)
  if (Option.isNone(asked)) {
    return yield* Effect.fail(
      Refusal.badRequest(
        `Missing, invalid or unknown field. Use step, usage (${Usage.parts.join(", ")}), agentPath, purpose, provider, model and costUsd`
      )
    )
  }
  const change = yield* Effect.mapError(
    runtime.costs.correct({ ...asked.value, runId, resourceId: principal.tenant }),
    ({ message, reason }) => Refusal.make(kinds[reason], reason, message)
  )
  return { status: 200, body: { ...change } }
})

const kinds = {
  RunNotFound: "not-found",
  NotBooked: "not-found",
  NotEstimated: "unprocessable",
  Ambiguous: "unprocessable",
  InvalidAmount: "unprocessable",
  RunOpen: "conflict",
  AlreadyCorrected: "conflict",
  ThreadBusy: "conflict"
} as const

/** What of the run is in its events. Whom it waits for is, and a time or late results are in the list only. */
const said = Effect.fnUntraced(function* ({ naming, runtime }: ServerContext, run: RunDetail) {
  const { clientCalls, cost, error, finish, latency, questions, text } = yield* Accumulated.of(runtime, naming, run)
  const waits = [
    ...(run.waitsFor ?? []).filter((one) => one === "result" || one === "timer"),
    ...(questions.length > 0 ? (["approval"] as const) : []),
    ...(clientCalls.length > 0 ? (["client-tool"] as const) : [])
  ]
  return {
    ...(latency === undefined ? ListedRun.waiting(waits) : {}),
    text,
    ...(finish === undefined ? {} : { finishReason: finish.finishReason, usage: finish.usage }),
    ...(error === undefined ? {} : { error }),
    ...(cost === undefined ? {} : { cost }),
    ...(latency === undefined ? {} : { latency }),
    approvals: questions,
    clientCalls: clientCalls.map(({ call, path }) => ({ ...call, agentPath: path }))
  }
})

const noMemory = Refusal.make("not-found", "MemoryNotFound", "Unknown memory")

/** `GET /memories`: a page of what was remembered, for an operator of the tenant, for others of themselves. */
export const memories = Effect.fnUntraced(function* ({ runtime }: ServerContext, principal: Principal, query: Query) {
  const { after, agent } = query
  const limit = yield* natural(query, "limit")
  const seen = restrict(principal, query["principal"])
  const { memories, next } =
    seen === undefined ? { memories: [] } : yield* runtime.memory.list({ ...seen, agent, after, limit })
  return { status: 200, body: { memories, ...(next === undefined ? {} : { next }) } }
})

/** `DELETE /memories/:memoryId`: of an operator's tenant, of others their own. */
export const forget = Effect.fnUntraced(function* ({ runtime }: ServerContext, principal: Principal, id: string) {
  const seen = restrict(principal, undefined)
  const isGone = seen !== undefined && (yield* runtime.memory.forget(id, seen))
  return isGone ? { status: 204 } : yield* Effect.fail(noMemory)
})

const isAudit = Schema.is(Schema.Literals(["erase", "keep"]))
const isSwitch = Schema.is(Schema.Literals(["true", "false"]))

/** `DELETE /principals/:principalId`, for operators of its tenant. */
export const erase = Effect.fnUntraced(function* (
  serving: ServerContext,
  principal: Principal,
  { params, query }: Dialect.Request
) {
  if (sightOf(principal) !== "all") return yield* Effect.fail(operatorOnly("A principal is erased by an operator"))
  const { book, naming, runtime } = serving
  const audit = yield* word(query, "audit", isAudit, "erase or keep")
  const cancel = yield* word(query, "cancel", isSwitch, "true or false")
  const { tenant: resourceId } = principal
  const asked = { principal: params["principalId"] ?? "", resourceId }
  const isThere = (threadId: string) =>
    Effect.flatMap(naming.inner(resourceId, threadId), (inner) =>
      Effect.map(runtime.threads.info(inner, { resourceId }), (info) => info !== undefined)
    )
  // A book in memory has no store that deletes from it: what it has of a thread goes with the thread.
  const listed = runtime.threads.notes === undefined ? yield* book.list(resourceId) : []
  const noted = yield* Effect.filter(
    listed.map(({ threadId }) => threadId),
    isThere
  )
  const report = yield* Effect.mapError(
    runtime.erase({ ...asked, cancel: cancel === "true", keepAudit: audit === "keep" }),
    (error) =>
      error._tag === "PrincipalBusy"
        ? Refusal.make("conflict", error._tag, error.message)
        : Refusal.badRequest(error.message)
  )
  for (const threadId of noted) if (!(yield* isThere(threadId))) yield* book.remove(resourceId, threadId)
  const kept = report.kept.map(({ ids, ...one }) => ({
    ...one,
    ...(ids === undefined ? {} : { ids: ids.map((id) => naming.outer(resourceId, id)) })
  }))
  return { status: 200, body: { ...report, kept } }
})

/** `GET /principal`: who the key is, and what it sees. */
export const self = (principal: Principal) => {
  const { name, roles, tenant } = principal
  const body = {
    tenant,
    ...(name === undefined ? {} : { name }),
    ...(roles === undefined ? {} : { roles }),
    sees: sightOf(principal)
  }
  return Effect.succeed({ status: 200, body })
}
