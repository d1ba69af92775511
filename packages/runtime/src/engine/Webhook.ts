/**
 * Web hooks and their notices, as data: a question to a person, or the end of a run, derived from the events of a
 * commit. Without content: ids, names, times and money.
 */
import { AgentPath, Approval, type Envelope, ListedRun } from "@reins/protocol"
import * as Schema from "effect/Schema"

/**
 * Every `WebhookEvent`.
 *
 * @since 0.2.0
 * @category constants
 */
export const events = ["approval.required", "run.ended"] as const

/**
 * After how many failures in a row something accepted means that the receiver is back: what waits is sent at once.
 *
 * @since 0.2.0
 * @category constants
 */
export const recovering = 3

/** The longest address of a web hook, in UTF-16 code units. */
const longest = 2048

/**
 * Whether a text is an address that web hooks may have: absolute, over `http` or `https`, without credentials, in
 * printable ASCII characters, and of at most 2,048 characters.
 *
 * @since 0.2.0
 * @category guards
 */
export const isUrl = (text: string): boolean => {
  if (text.length > longest || !/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return false
  const { password, protocol, username } = new URL(text)
  return (protocol === "https:" || protocol === "http:") && username === "" && password === ""
}

/**
 * The events of a web hook: a person is asked, or a run has ended.
 *
 * @since 0.2.0
 * @category schemas
 */
export type WebhookEvent = (typeof events)[number]
export const WebhookEvent: Schema.Codec<WebhookEvent> = Schema.Literals(events)

const WebhookStruct = Schema.Struct({
  id: Schema.String,
  resourceId: Schema.optionalKey(Schema.String),
  runId: Schema.optionalKey(Schema.String),
  url: Schema.String,
  events: Schema.Array(WebhookEvent),
  content: Schema.Boolean,
  source: Schema.Literals(["api", "settings", "protocol"]),
  createdAt: Schema.Natural,
  secrets: Schema.Array(Schema.String),
  push: Schema.optionalKey(
    Schema.Struct({
      id: Schema.String,
      dialect: Schema.String,
      token: Schema.optionalKey(Schema.String),
      authorization: Schema.optionalKey(Schema.String)
    })
  )
}).annotate({ identifier: "StoredWebhook" })

/**
 * A web hook as it is stored.
 *
 * **Details**
 * - `resourceId`: the tenant of the runs; absent: every tenant.
 * - `runId`: the one run whose states are sent, in a protocol's format (`push`); absent: `events` are sent.
 * - `content`: whether questions and answers are sent. Otherwise: ids, names, times and money.
 * - `source`: who manages it: callers of the API, the settings of a process, or a client of a protocol.
 * - `secrets`: sign what is sent, the current one first. Empty: the process that sends has them.
 * - `push`: the client's own name for it, its protocol, and what is sent along as its receiver's credentials.
 *
 * @since 0.2.0
 * @category schemas
 */
export interface StoredWebhook extends Schema.Schema.Type<typeof WebhookStruct> {}
export const StoredWebhook: Schema.Codec<StoredWebhook> = WebhookStruct

const FactsUnion = Schema.Union([
  Schema.Struct({
    approvalId: Schema.String,
    kind: Approval.Kind,
    target: Schema.String,
    agentPath: Schema.optionalKey(AgentPath.AgentPath),
    expiresAt: Schema.optionalKey(Schema.Natural)
  }),
  Schema.Struct({
    endedAt: Schema.Natural,
    endReason: ListedRun.EndReason,
    errorCode: Schema.optionalKey(Schema.String),
    costNanoUsd: Schema.optionalKey(Schema.Natural),
    unpriced: Schema.optionalKey(Schema.Natural),
    promptTokens: Schema.optionalKey(Schema.Natural),
    completionTokens: Schema.optionalKey(Schema.Natural)
  })
]).annotate({ identifier: "NoticeFacts" })

/**
 * What a notice says besides its run, without content: of a question its id, kind, target (the tool, plan or limit) and
 * expiry; of a run how it ended and what it cost.
 *
 * @since 0.2.0
 * @category schemas
 */
export type NoticeFacts = Schema.Schema.Type<typeof FactsUnion>
export const NoticeFacts: Schema.Codec<NoticeFacts> = FactsUnion

/**
 * A fact that becomes a notice for each of its web hooks. `name` identifies it within its run, so that it is stored
 * once. `at`: epoch milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface NewNotice {
  readonly name: string
  readonly event: WebhookEvent
  readonly at: number
  readonly facts: NoticeFacts
}

/**
 * A fact that has not been sent to a web hook yet, and its run. `attempts`: the number of failed attempts. `nextAt`:
 * when it is sent next, in epoch milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface Notice extends NewNotice {
  readonly webhookId: string
  readonly attempts: number
  readonly nextAt: number
  readonly run: Pick<ListedRun.ListedRun, "runId" | "threadId" | "resourceId" | "agent" | "principal" | "startedAt">
}

/** The name of the notice that a run has ended. */
const ended = "ended"

/**
 * The event of the end of a run.
 *
 * @since 0.2.0
 * @category operations
 */
export const noticeOfEnd = (end: ListedRun.End): NewNotice => ({
  name: ended,
  event: "run.ended",
  at: end.endedAt,
  facts: end
})

/**
 * The event of a question.
 *
 * @since 0.2.0
 * @category operations
 */
export const noticeOfQuestion = (request: Approval.Request, path: AgentPath.AgentPath, at: number): NewNotice => ({
  name: request.id,
  event: "approval.required",
  at,
  facts: {
    approvalId: request.id,
    kind: request.kind,
    target: request.target,
    ...(path.length === 0 ? {} : { agentPath: path }),
    ...(request.expiresAt === undefined ? {} : { expiresAt: request.expiresAt })
  }
})

/**
 * What the events of one commit give to tell: questions that they leave open, and the run's end.
 *
 * @since 0.2.0
 * @category operations
 */
export const noticesIn = (
  envelopes: ReadonlyArray<Envelope.Envelope>,
  end: ListedRun.End | undefined
): ReadonlyArray<NewNotice> => {
  let open: Map<string, NewNotice> | undefined
  for (const { agentPath, at, event } of envelopes) {
    if (event.type === "approval-required") {
      open ??= new Map()
      open.set(event.data.id, noticeOfQuestion(event.data, agentPath, at))
    }
    if (event.type === "approval-decision") open?.delete(event.data.id)
  }
  if (open === undefined) return end === undefined ? none : [noticeOfEnd(end)]
  return end === undefined ? [...open.values()] : [...open.values(), noticeOfEnd(end)]
}

const none: ReadonlyArray<NewNotice> = []
