/**
 * A foreign protocol as a pure codec: the requests it accepts, their commands, and the encoding of a run's envelopes as
 * the answer. A dialect is a value; a server can host any of them without knowing their protocol.
 *
 * **How to host one**
 * 1. `match` finds the route; its `decode` returns an `Exchange`: a `Command` to execute and an `Answer` to send.
 * 2. For a `Stream` or a `Whole`, feed every envelope of the run to a fresh `Encoder` or `Folding`, from `seq` 1. For a
 *    run that is resumed after a pause, also feed what came before this answer, discard those frames, then call
 *    `reopen` to begin the new answer.
 * 3. When no envelope is available and `isDetached` is true, call `finish` and close: the answer ends though the run
 *    continues. Otherwise call `finish` when the run has ended. Feed everything stored first: the calls of a step are
 *    stored together, and a question that was answered long ago must not end the answer.
 */
import type { Envelope, Json } from "@reins/protocol"
import type * as Result from "effect/Result"
import type { Command } from "./Command.ts"
import type { Facts } from "./Facts.ts"
import type { Fields } from "./Body.ts"
import type { Frame } from "./Frame.ts"
import type { Refusal } from "./Refusal.ts"

/**
 * The methods of HTTP that routes have.
 *
 * @since 0.1.0
 * @category models
 */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

/**
 * A request as the host read it. Header names are in lower case; `body` is parsed JSON, if there is one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly params: { readonly [name: string]: string }
  readonly query: { readonly [name: string]: string }
  readonly headers: { readonly [name: string]: string }
  readonly body?: unknown
  /**
   * The URL of the dialect's base path for the client, for answers that contain it: `https://api.example/kai`. Absent:
   * not known.
   */
  readonly url?: string
}

/**
 * A complete answer. `body` is JSON; absent: no body. `text` replaces it in plain text answers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly text?: string
  readonly headers?: { readonly [name: string]: string }
}

/**
 * Turns envelopes into frames. Mutable; owned by one answer. The same envelopes always give the same frames.
 *
 * @since 0.1.0
 * @category models
 */
export interface Encoder {
  /** The frames that this envelope makes; held frames follow with a later envelope or with `finish`. */
  readonly step: (envelope: Envelope.Envelope) => ReadonlyArray<Frame>
  /** The frames that close the answer, whether the run has ended, the answer is detached, or the log is cut. */
  readonly finish: () => ReadonlyArray<Frame>
  /**
   * The frames that open another answer after `finish` closed one. `answered`: ids of the approvals and client calls
   * that the new request answers, so that the answer does not detach because of them. `messageId`: of the user's
   * message (`message-received`) that the new answer follows, stepped last or still to come; absent: it follows answers
   * only.
   */
  readonly reopen: (answered: Iterable<string>, messageId?: string) => ReadonlyArray<Frame>
  /** True when this answer ends here, unless more of the run is already available. */
  readonly isDetached: boolean
  /**
   * Why the answer, once it has ended, is not complete, in a format that cannot say so: the host replies with this, or
   * breaks the connection if anything was sent. Absent: the answer says itself how it ended.
   */
  readonly failure?: Refusal | undefined
}

/**
 * Folds envelopes into one reply. Fed and ended like an `Encoder`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Folding {
  readonly step: (envelope: Envelope.Envelope) => void
  readonly reopen: (answered: Iterable<string>) => void
  readonly reply: () => Reply
  readonly isDetached: boolean
}

/**
 * A host's data about an answer's run, besides its envelopes. `agent`: its name. `echo`: data of the original request;
 * absent: none, or not stored any more. `echoes`: the same of all requests of the run up to this answer, in order.
 *
 * @since 0.1.0
 * @category models
 */
export interface About {
  readonly agent: string
  readonly echo?: Json
  readonly echoes?: ReadonlyArray<Json>
}

/**
 * The answer to a request whose command has been executed.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer =
  | {
      readonly _tag: "Stream"
      readonly format: "sse" | "ndjson" | "text"
      /**
       * `inputTokens`: an estimate of the input of the run's first request, if `countsInput` requires it and it is
       * known.
       */
      readonly open: (inputTokens?: number) => Encoder
      readonly countsInput?: boolean
      /** True when frames carry ids (`Cursor`), so that a client can resume after the last one it saw. */
      readonly isStamped: boolean
      readonly headers?: { readonly [name: string]: string }
    }
  | { readonly _tag: "Whole"; readonly open: (about?: About) => Folding }
  | { readonly _tag: "Facts"; readonly shape: (facts: Facts) => Reply }

/**
 * `outlives`: the run continues when its client disconnects, regardless of the settings of dialect and server. Absent:
 * those apply. `onBusy`, `onDisconnect`: if clients expect another behaviour of this request than of the dialect's
 * others.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exchange {
  readonly command: Command
  readonly answer: Answer
  readonly onBusy?: OnBusy
  readonly onDisconnect?: "keep" | "cancel"
  readonly outlives?: boolean
}

/**
 * A decoded request: what to do and how to answer it, or why it is refused.
 *
 * @since 0.1.0
 * @category models
 */
export type Decoded = Result.Result<Exchange, Refusal>

/**
 * `path` is relative to the dialect's base path; `:name` matches one segment.
 *
 * @since 0.1.0
 * @category models
 */
export interface Route {
  /** Needs no key, if the protocol has none; shows nothing of a tenant. Absent: false. */
  readonly isPublic?: boolean | undefined
  readonly method: Method
  readonly path: string
  readonly decode: (request: Request) => Decoded
  /** A refusal of a request to this route, once its body was read, where the dialect's own format needs the request. */
  readonly encodeError?: (refusal: Refusal, request: Request) => Reply
}

/**
 * A client's message over a socket.
 *
 * **Details**
 * - `Ask`: the exchange, answered under `id`. `after`: how many frames of the answer the client has, which are not sent
 *   again; absent: 0.
 * - `Leave`: the client stops reading the answer `id`. `cancels`: it also cancels the run.
 * - `Ping`: is answered with `pong`. `Alive`: nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type SocketMessage =
  | { readonly _tag: "Ask"; readonly id: string; readonly exchange: Exchange; readonly after?: number }
  | { readonly _tag: "Refused"; readonly id: string | undefined; readonly refusal: Refusal }
  | { readonly _tag: "Leave"; readonly id: string; readonly cancels: boolean }
  | { readonly _tag: "Ping" }
  | { readonly _tag: "Alive" }

/**
 * Messages to the client, each one JSON text on one line.
 *
 * @since 0.1.0
 * @category models
 */
export interface SocketWriter {
  /** A streamed answer begins. */
  readonly start: (id: string, place: { readonly runId: string; readonly threadId: string }) => string
  /** A frame of it; `sequence` counts from 0. `undefined`: the protocol does not send it here. */
  readonly frame: (id: string, frame: Frame, sequence: number) => string | undefined
  readonly end: (id: string) => string
  /** A whole answer. */
  readonly reply: (id: string, reply: Reply) => string
  /** There is nothing to resume. */
  readonly nothing: (id: string) => string
  readonly refuse: (id: string | undefined, refusal: Refusal) => string
  /** Sent when the connection is idle. */
  readonly ping: string
  readonly pong: string
}

/**
 * A dialect over one bidirectional connection of texts, such as a WebSocket. Pure; the host executes the exchanges,
 * several in parallel, each under an id of the client. `path`: of the connection, relative to the dialect's base path.
 * `read`: a message is parsed JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface SocketCodec {
  readonly path: string
  readonly read: (message: unknown, request: Omit<Request, "body">) => SocketMessage
  readonly write: SocketWriter
}

/**
 * A protocol as a pure codec: its routes, how a run is encoded, how a refusal looks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Dialect {
  /** The name of its folder. */
  readonly name: string
  readonly title: string
  readonly routes: ReadonlyArray<Route>
  /** The handling of each field of a request, by the request's method and path. */
  readonly fields?: { readonly [line: string]: Fields }
  /** An encoder for a request without options: everything that can be shown is shown. */
  readonly open: () => Encoder
  /** The dialect over a WebSocket; absent: it has none. */
  readonly socket?: SocketCodec
  /**
   * Paths of its routes that clients also look for at the root of the server; the first dialect that has one answers.
   * Absent: none.
   */
  readonly wellKnown?: ReadonlyArray<`/${string}`>
  /** The encoder of a run's web hooks: each frame's data is the body of one. Absent: the dialect has none. */
  readonly openPush?: () => Encoder
  /** Sent to keep an idle stream open; absent: a comment, which every client ignores. */
  readonly keepAlive?: Frame
  /** A refusal in the dialect's own error format. */
  readonly encodeError: (refusal: Refusal) => Reply
  /**
   * What happens to a run when its client disconnects before the end. Absent: `keep`. `cancel`: in protocols where
   * aborting a request cancels it. A server may override it.
   */
  readonly onDisconnect?: "keep" | "cancel"
  /**
   * What the protocol's own clients expect of a query on a thread with an active run. Absent: `reject`. A server may
   * override it.
   */
  readonly onBusy?: OnBusy
}

/**
 * What a query does while its thread has an active run, also one that waits for a person: it is refused, it waits until
 * that run has ended, it cancels that run and starts then, or it becomes a message of that run, which withdraws open
 * questions about calls and plans; the answer is the rest of the run, from that message on. `cancel-waiting` cancels a
 * run that only waits, and is refused while the run works. `steer-or-cancel` steers a run that somebody reads, and
 * cancels one that its readers have left.
 *
 * @since 0.1.0
 * @category models
 */
export type OnBusy = "reject" | "queue" | "cancel-previous" | "cancel-waiting" | "steer" | "steer-or-cancel"

/** The parameters of `path` when it matches `pattern`; otherwise `undefined`. */
const fit = (pattern: string, path: string): { readonly [name: string]: string } | undefined => {
  const wanted = pattern.split("/")
  const given = path.split("/")
  if (wanted.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? ""
    if (segment.startsWith(":") && value !== "") params[segment.slice(1)] = value
    else if (segment !== value) return undefined
  }
  return params
}

/**
 * What `match` found: a route with its parameters, a path that only has other methods, or nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type Matched =
  | { readonly _tag: "Route"; readonly route: Route; readonly params: { readonly [name: string]: string } }
  | { readonly _tag: "OtherMethods"; readonly methods: ReadonlyArray<Method> }
  | { readonly _tag: "NoRoute" }

/**
 * The route of a path relative to the base path. Parameters stay percent-encoded.
 *
 * @since 0.1.0
 * @category operations
 */
export const match = (dialect: Dialect, method: string, path: string): Matched => {
  const methods: Array<Method> = []
  for (const route of dialect.routes) {
    const params = fit(route.path, path)
    if (params === undefined) continue
    if (route.method === method) return { _tag: "Route", route, params }
    methods.push(route.method)
  }
  return methods.length === 0 ? { _tag: "NoRoute" } : { _tag: "OtherMethods", methods }
}
