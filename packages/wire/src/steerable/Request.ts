/**
 * Steerable's requests over HTTP. The framework fixes no paths; these are from its documentation's sample, plus what a
 * stream that stays open at a question needs.
 */
import { Decision } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { honoured, type Fields } from "../Body.ts"
import * as Cursor from "../Cursor.ts"
import type { Answer, Decoded, Exchange, Reply, Request, Route } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"

export const Send = Schema.Struct({ content: Schema.String, agentId: Schema.optionalKey(Schema.String) })

/** `consentGranted` is the protocol's word for a person's approval. */
export const Consent = Schema.Struct({
  callId: Schema.optionalKey(Schema.String),
  approvalId: Schema.optionalKey(Schema.String),
  consentGranted: Schema.Boolean,
  message: Schema.optionalKey(Schema.String)
})

export const ToolOutput = Schema.Struct({
  id: Schema.String,
  success: Schema.Boolean,
  data: Schema.optionalKey(Schema.Json),
  error: Schema.optionalKey(Schema.String)
})

/** What becomes of each field of a message. */
export const fields: Fields = {
  content: honoured("The query"),
  agentId: honoured("Names the agent")
}

const readSend = Body.read(Send)
const readConsent = Body.read(Consent)
const readOutput = Body.read(ToolOutput)

const stream = ({ query }: Request): Answer => {
  const isNamed = query["event"] !== "off"
  return { _tag: "Stream", format: "sse", isStamped: true, open: () => Encoder.open({ isNamed }) }
}

const chat = ({ params }: Request): { readonly threadId: string } => ({ threadId: params["chatId"] ?? "" })
const taken: Answer = { _tag: "Facts", shape: (): Reply => ({ status: 202, body: { ok: true } }) }

const send = (request: Request): Decoded =>
  Result.map(readSend(request.body), ({ agentId, content }) => ({
    command: {
      _tag: "StartQuery",
      prompt: content,
      ...chat(request),
      ...(agentId === undefined ? {} : { agent: agentId })
    },
    answer: stream(request)
  }))

const consent = (request: Request): Decoded =>
  Result.flatMap(readConsent(request.body), (given) =>
    given.approvalId === undefined && given.callId === undefined
      ? Result.fail(Body.invalidField("approvalId", "Send the id of the question, or the id of its call as callId"))
      : Result.succeed(consented(request, given))
  )

const consented = (
  request: Request,
  { approvalId, callId, consentGranted, message }: typeof Consent.Type
): Exchange => ({
  command: {
    _tag: "Answer",
    address: chat(request),
    decisions: [
      {
        ...(approvalId === undefined ? {} : { approvalId }),
        ...(callId === undefined ? {} : { toolCallId: callId }),
        decision: consentGranted ? Decision.approve({ feedback: message }) : Decision.reject({ feedback: message })
      }
    ],
    results: []
  },
  answer: taken
})

const output = (request: Request): Decoded =>
  Result.map(readOutput(request.body), ({ data, error, id, success }) => ({
    command: {
      _tag: "SubmitToolResults",
      address: chat(request),
      results: [
        { toolCallId: id, result: success ? (data ?? null) : (error ?? ""), ...(success ? {} : { isFailure: true }) }
      ]
    },
    answer: taken
  }))

export const routes: ReadonlyArray<Route> = [
  { method: "POST", path: "/api/chats/:chatId/send", decode: send },
  {
    method: "GET",
    path: "/api/chats/:chatId/stream",
    decode: (request) =>
      Result.succeed({
        command: Cursor.resume(chat(request).threadId, request),
        answer: stream(request)
      })
  },
  { method: "POST", path: "/api/chats/:chatId/consent", decode: consent },
  { method: "POST", path: "/api/chats/:chatId/tool-results", decode: output },
  {
    method: "POST",
    path: "/api/chats/:chatId/cancel",
    decode: (request) => Result.succeed({ command: { _tag: "Cancel", address: chat(request) }, answer: taken })
  }
]
