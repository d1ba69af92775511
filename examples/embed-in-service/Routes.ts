/**
 * The service over HTTP: a question is answered with a stream of events, one JSON line each; other routes list and
 * decide pending approvals.
 *
 * There is no authentication here: put your own before these routes, above all before the approvals.
 */
import { type ApprovalError, Decision, type Event, type QueryRejected } from "@reins/runtime"
import { Effect, Layer, Schedule, Schema, Sink, Stream } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as ByteSize from "effect/ByteSize"
import { SupportDesk } from "./SupportDesk.ts"

const Question = Schema.Struct({ question: Schema.String })
const Ticket = Schema.Struct({ ticket: Schema.NonEmptyString })
const Approval = Schema.Struct({ id: Schema.NonEmptyString })

/** A JSON body of at most 64 kB. */
const body = <A>(schema: Schema.Codec<A, unknown>) =>
  Effect.provideService(
    HttpServerRequest.schemaBodyJson(schema),
    HttpIncomingMessage.MaxBodySize,
    ByteSize.kilobytes(64)
  )

/** `POST /tickets/:ticket/questions`: the events of the answer, as they happen. */
const questions = HttpRouter.add(
  "POST",
  "/tickets/:ticket/questions",
  Effect.gen(function* () {
    const desk = yield* SupportDesk
    const { ticket } = yield* HttpRouter.schemaPathParams(Ticket)
    const { question } = yield* body(Question)
    // A refusal comes instead of the first event, when the status can still be changed.
    const [first, rest] = yield* Stream.peel(desk.answer(ticket, question), Sink.take(1))
    const events = Stream.concat(Stream.fromIterable(first), rest)
    return HttpServerResponse.stream(lines(events), { contentType: "application/x-ndjson" })
  }).pipe(
    Effect.catchTag("QueryRejected", (error) => refusal(statusOf(error), error.reason)),
    Effect.catchTags({ SchemaError: () => malformed, HttpServerError: () => malformed })
  )
)

/** `GET /approvals`: the pending approvals. */
const approvals = HttpRouter.add(
  "GET",
  "/approvals",
  Effect.gen(function* () {
    const desk = yield* SupportDesk
    const pending = yield* desk.pending
    return HttpServerResponse.jsonUnsafe(
      pending.map(({ askedAt, request }) => ({
        id: request.id,
        ticket: request.threadId.replace(/^ticket-/, ""),
        tool: request.target,
        arguments: request.payload,
        askedAt: new Date(askedAt).toISOString()
      }))
    )
  })
)

/** `POST /approvals/:id` with a decision: `{"type":"approve"}`, `{"type":"reject","feedback":"…"}`. */
const decisions = HttpRouter.add(
  "POST",
  "/approvals/:id",
  Effect.gen(function* () {
    const desk = yield* SupportDesk
    const { id } = yield* HttpRouter.schemaPathParams(Approval)
    yield* desk.decide(id, yield* body(Decision))
    return HttpServerResponse.empty()
  }).pipe(
    Effect.catchTag("ApprovalError", ({ reason }) => refusal(statuses[reason._tag], reason)),
    Effect.catchTags({ SchemaError: () => malformed, HttpServerError: () => malformed })
  )
)

/** All routes. */
export const layer = Layer.mergeAll(questions, approvals, decisions)

/** Events as lines, with an empty line now and then while waiting for a person: proxies close idle connections. */
const lines = <E>(events: Stream.Stream<Event, E>) =>
  events.pipe(
    Stream.map((event) => `${JSON.stringify(event)}\n`),
    Stream.merge(
      Stream.map(Stream.fromSchedule(Schedule.spaced("15 seconds")), () => "\n"),
      { haltStrategy: "left" }
    ),
    Stream.encodeText
  )

const refusal = (status: number, { _tag, message }: { readonly _tag: string; readonly message: string }) =>
  Effect.succeed(HttpServerResponse.jsonUnsafe({ error: _tag, message }, { status }))

const malformed = refusal(400, { _tag: "Malformed", message: "Invalid request body" })

const statusOf = ({ reason }: QueryRejected): number => {
  switch (reason._tag) {
    case "ThreadBusy":
      return 409
    case "ThreadDamaged":
      return 500
    case "StoreUnavailable":
      return 503
    default:
      return 422
  }
}

const statuses: { readonly [reason in ApprovalError["reason"]["_tag"]]: number } = {
  ApprovalNotFound: 404,
  ApprovalForbidden: 404,
  ApprovalDamaged: 500,
  Forbidden: 403,
  ApprovalUnjudged: 503,
  ApprovalResolved: 409,
  DefinitionChanged: 409,
  ApprovalExpired: 410,
  InvalidArguments: 422
}
