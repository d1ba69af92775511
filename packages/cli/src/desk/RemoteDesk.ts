/** The desk of a server's native interface, with the key of `REINS_API_KEY` where it is set. */
import { Approval, Audit, CostReport, Envelope, Grant, ListedRun } from "@reins/protocol"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { type CommandFailed, ended, failed, misused } from "../setting/CommandFailed.ts"
import type { Desk } from "./Desk.ts"

/** The variable with the key of the server. */
export const variable = "REINS_API_KEY"

const Refused = Schema.Struct({ error: Schema.Struct({ code: Schema.String, message: Schema.String }) })
const readRefusal = Schema.decodeUnknownOption(Schema.fromJsonString(Refused))
const readEnvelope = Schema.decodeUnknownEffect(Schema.fromJsonString(Envelope.Envelope))

/** A desk that also gives runs away, as an archive does. */
export interface RemoteDesk extends Desk {
  /** The lines of a run. */
  readonly exported: (runId: string) => Effect.Effect<ReadonlyArray<string>, CommandFailed>
}

export const make = Effect.fnUntraced(function* (
  url: string
): Effect.fn.Return<RemoteDesk, CommandFailed, HttpClient.HttpClient> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    return yield* misused(`--url: ${JSON.stringify(url)} is not an address such as http://127.0.0.1:4111.`)
  const http = yield* HttpClient.HttpClient
  const key = yield* Effect.orDie(Config.option(Config.Redacted(variable)))
  const base = `${url.replace(/\/+$/, "")}/native`

  const send = (
    request: HttpClientRequest.HttpClientRequest
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, CommandFailed> =>
    Effect.gen(function* () {
      const keyed = Option.match(key, {
        onNone: () => request,
        onSome: (value) => HttpClientRequest.bearerToken(request, Redacted.value(value))
      })
      const response = yield* Effect.mapError(http.execute(keyed), (cause) =>
        failed(`No server answers at ${url}. Is reins serve running there?`, cause)
      )
      if (response.status < 400) return response
      const text = yield* Effect.orElseSucceed(response.text, () => "")
      const told = Option.getOrUndefined(readRefusal(text))?.error.message ?? `status ${response.status}`
      if (response.status === 401)
        return yield* failed(`The server at ${url} does not accept the key. Set ${variable} to one of its keys.`)
      return yield* failed(ended(told))
    })

  const get = <A>(path: string, schema: Schema.Codec<A, unknown>): Effect.Effect<A, CommandFailed> =>
    Effect.gen(function* () {
      const response = yield* send(HttpClientRequest.get(`${base}${path}`))
      const body = yield* Effect.mapError(response.json, (cause) =>
        failed(`${url} answers with something other than JSON.`, cause)
      )
      return yield* Effect.mapError(Schema.decodeUnknownEffect(schema)(body), (cause) =>
        failed(`${url} answers in a form that this version does not know. Use the same version as the server.`, cause)
      )
    })

  const post = (path: string, body: unknown) =>
    Effect.flatMap(
      Effect.mapError(HttpClientRequest.bodyJson(HttpClientRequest.post(`${base}${path}`), body), (cause) =>
        failed("The answer is not JSON.", cause)
      ),
      send
    )

  const place = (id: string) => encodeURIComponent(id)

  /** Fields as the parameters of an address; those that are absent are left out. */
  const queryOf = (fields: { readonly [name: string]: unknown }) => {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "")
    return given.length === 0
      ? ""
      : `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`
  }

  return {
    exported: (runId) =>
      Effect.flatMap(send(HttpClientRequest.get(`${base}/runs/${place(runId)}/export`)), (response) =>
        Effect.mapBoth(response.text, {
          onFailure: (cause) => failed(`The connection to ${url} was lost.`, cause),
          onSuccess: (text) => text.split("\n")
        })
      ),
    runs: (filter) => get(`/runs${queryOf(filter)}`, ListedRun.Page),
    costs: ({ dimensions = [], ...options }) =>
      get(`/costs${queryOf({ ...options, by: dimensions.join(",") })}`, CostReport.CostReport),
    events: (runId, { after, follow }) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { lastSeq } = yield* get(`/runs/${place(runId)}`, Schema.Struct({ lastSeq: Schema.Natural }))
          if (!follow && after >= lastSeq) return Stream.empty
          const path = `${base}/runs/${place(runId)}/events?view=all&format=ndjson&after=${after}`
          const response = yield* send(HttpClientRequest.get(path))
          const lines = Stream.decodeText(response.stream).pipe(
            Stream.splitLines,
            Stream.filter((line) => line.trim() !== ""),
            Stream.mapError((cause) => failed(`The connection to ${url} was lost.`, cause)),
            Stream.mapEffect((line) =>
              Effect.mapError(readEnvelope(line), (cause) => failed(`${url} sends an invalid event.`, cause))
            )
          )
          return follow ? lines : Stream.takeUntil(lines, ({ seq }) => seq >= lastSeq)
        })
      ),
    approvals: Effect.map(
      get("/approvals", Schema.Struct({ approvals: Schema.Array(Approval.Request) })),
      ({ approvals }) => approvals.map((request) => ({ request, runId: undefined }))
    ),
    answer: (id, decision) => Effect.asVoid(post(`/approvals/${place(id)}`, decision)),
    deliver: (ticketId, result, costUsd) =>
      Effect.asVoid(post(`/results/${place(ticketId)}`, { ...result, ...(costUsd === undefined ? {} : { costUsd }) })),
    cancel: (runId) =>
      Effect.flatMap(post(`/runs/${place(runId)}/cancel`, {}), (response) =>
        Effect.map(
          Effect.orElseSucceed(response.json, () => undefined),
          (body) => Schema.is(Schema.Struct({ running: Schema.Literal(true) }))(body)
        )
      ),
    raise: (runId, limits) => Effect.asVoid(post(`/runs/${place(runId)}/budget`, { limits })),
    grants: Effect.map(get("/grants", Schema.Struct({ grants: Schema.Array(Grant.Grant) })), ({ grants }) => grants),
    revoke: (id) => Effect.as(send(HttpClientRequest.delete(`${base}/grants/${place(id)}`)), true),
    audit: ({ limit, runId }) =>
      Effect.map(
        get(
          `/approvals/history?limit=${limit}${runId === undefined ? "" : `&runId=${place(runId)}`}`,
          Schema.Struct({ acts: Schema.Array(Audit.Act), next: Schema.optionalKey(Schema.String) })
        ),
        ({ acts }) => acts
      )
  }
})
