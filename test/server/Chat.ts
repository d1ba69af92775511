/** A client of a chat: what it sends for what a person does, and what it reads of an answer. */
import type { Dialect } from "@reins/wire"
import type { Parsed } from "../wire/Rule.ts"
import type { Ask, Frame } from "./Served.ts"

export const png = "iVBORw0KGgo="
export const picture = `data:image/png;base64,${png}`

/** What a person says. `id`: of the message, and of the request where it has one. */
export interface Said {
  readonly id: string
  readonly text: string
  readonly hasPicture: boolean
  /** Another message of the user's before it, in the same request. */
  readonly aside?: string
}

/** What an answer waits for: results of the client's calls, and answers to questions. */
export interface Waiting {
  readonly calls: ReadonlyArray<string>
  readonly questions: ReadonlyArray<string>
}

/** What a client shows of a thread. `runId`: of the last answer. */
export interface Tab {
  thread: string
  runId: string
  messages: ReadonlyArray<Parsed>
}

/** How a person answers: the result of each call, and yes or no to each question. */
export interface Reply {
  readonly id: string
  readonly result: Parsed
  readonly isApproved: boolean
}

export type Request = Ask & { readonly path: string }

export interface Chat {
  readonly dialect: Dialect.Dialect
  /** Its client sends what it shows with each request. */
  readonly carries: boolean
  /** Its requests have ids, by which one that is sent again is known. */
  readonly isIdempotent: boolean
  /** The stream stays open where the run waits. */
  readonly staysOpen: boolean
  readonly takes: {
    readonly calls: boolean
    readonly several: boolean
    readonly pictures: boolean
    readonly asides?: boolean
  }
  /** Creates a thread, where the first message does not. */
  readonly create?: Request
  readonly say: (tab: Tab, said: Said) => Request
  /** `words`: said beside the answer, where the protocol allows that. */
  readonly answer: (tab: Tab, waiting: Waiting, reply: Reply, words?: Said) => ReadonlyArray<Request>
  /** What takes the place of a message, whose id it keeps. */
  readonly edit?: (tab: Tab, said: Said, request: string) => Request
  /** The last question asked again. */
  readonly again?: (tab: Tab, said: Said) => Request
  /** Stops the run, where that is a request and no disconnect. */
  readonly stop?: (tab: Tab) => Request
  /** Whether a response that is no stream is a refusal, where its status does not say so. */
  readonly isRefused?: (text: string) => boolean
  /** Takes in a frame of an answer. */
  readonly read: (tab: Tab, frame: Frame) => Waiting
}

export const nothing: Waiting = { calls: [], questions: [] }
export const json = (frame: Frame): Parsed =>
  /^[{[]/.test(frame.data) && frame.data !== "[DONE]" ? JSON.parse(frame.data) : {}
export const asking = (id: string): Waiting => ({ calls: [], questions: [id] })
export const calling = (id: string): Waiting => ({ calls: [id], questions: [] })
export const all = { calls: true, several: true, pictures: true }

/** A user's message as pages of AI SDK have it. */
export const uiUser = ({ hasPicture, id, text }: Said): Parsed => ({
  id,
  role: "user",
  parts: [{ type: "text", text }, ...(hasPicture ? [{ type: "file", mediaType: "image/png", url: picture }] : [])]
})
