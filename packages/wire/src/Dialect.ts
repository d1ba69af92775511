/**
 * A foreign protocol, spoken by a pure codec: which requests it knows, what each asks of us, and how a run's envelopes
 * become its answer. A dialect is a value; a server hosts any of them without knowing their words.
 *
 * **How it is hosted**
 * 1. `match` finds the route; its `decode` gives an `Exchange`: a `Command` to carry out and an `Answer` to give.
 * 2. For a `Stream`, or a `Whole`, the host feeds every envelope of the run to a fresh `Encoder` or `Folding`, from `seq` 1.
 *    A run that is taken up after a pause: what came before the answer is fed too, its frames are thrown away, then
 *    `reopen` begins the new answer.
 * 3. When there is nothing to feed for the moment and `isDetached`, the answer ends there though the run goes on: `finish`, and
 *    close. Else `finish` when the run has ended. Not before all that is stored was fed: the calls of a step are stored
 *    together, and a question that was answered long ago holds nobody.
 */
import type { Envelope } from "@reins/protocol"
import type * as Result from "effect/Result"
import type { Command } from "./Command.ts"
import type { Facts } from "./Facts.ts"
import type { Frame } from "./Frame.ts"
import type { Refusal } from "./Refusal.ts"

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

/** A request as whoever hosts the dialect read it. Header names are in lower case; `body` is parsed JSON, if there is one. */
export interface Request {
  readonly params: { readonly [name: string]: string }
  readonly query: { readonly [name: string]: string }
  readonly headers: { readonly [name: string]: string }
  readonly body?: unknown
}

/** A whole answer. `body` is JSON; absent for none. `text` takes its place where a dialect answers in plain text. */
export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly text?: string
  readonly headers?: { readonly [name: string]: string }
}

/** Turns envelopes into frames. Owned by one answer; the same envelopes give the same frames. */
export interface Encoder {
  /** The frames that this envelope makes; held ones come with a later one or with `finish`. */
  readonly step: (envelope: Envelope.Envelope) => ReadonlyArray<Frame>
  /** The frames that close the answer: the run has ended, the answer is detached, or the log is cut. */
  readonly finish: () => ReadonlyArray<Frame>
  /**
   * The frames that open another answer behind one that `finish` closed. `answered`: ids of the approvals and client calls
   * that the new request answers, so that the answer does not detach for what is about to go on.
   */
  readonly reopen: (answered: Iterable<string>) => ReadonlyArray<Frame>
  /** True when this answer ends here, unless more of the run is there already. */
  readonly isDetached: boolean
}

/** Folds envelopes to one reply. Fed and ended like an `Encoder`. */
export interface Folding {
  readonly step: (envelope: Envelope.Envelope) => void
  readonly reopen: (answered: Iterable<string>) => void
  readonly reply: () => Reply
  readonly isDetached: boolean
}

/** The answer to a request whose command has been carried out. */
export type Answer =
  | {
      readonly _tag: "Stream"
      readonly format: "sse" | "ndjson"
      readonly open: () => Encoder
      /** True where frames carry ids (`Cursor`), so that a client can come back with the last one. */
      readonly isStamped: boolean
      readonly headers?: { readonly [name: string]: string }
    }
  | { readonly _tag: "Whole"; readonly open: () => Folding }
  | { readonly _tag: "Facts"; readonly shape: (facts: Facts) => Reply }

export interface Exchange {
  readonly command: Command
  readonly answer: Answer
}

export type Decoded = Result.Result<Exchange, Refusal>

/** `path` is below the dialect's base path; `:name` stands for one segment. */
export interface Route {
  readonly method: Method
  readonly path: string
  readonly decode: (request: Request) => Decoded
}

export interface Dialect {
  /** Its folder's name. */
  readonly name: string
  readonly title: string
  readonly routes: ReadonlyArray<Route>
  /** An encoder as for a request that asks for nothing special: everything that can be shown is shown. */
  readonly open: () => Encoder
  /** What keeps a silent stream alive; absent: a comment, which every client skips. */
  readonly keepAlive?: Frame
  /** A refusal in the dialect's own shape. */
  readonly encodeError: (refusal: Refusal) => Reply
}

/** A path's segments with the parameters they stand for, or nothing where the path is another. */
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

/** What `match` found: the route with its parameters, that the path has other methods only, or nothing. */
export type Matched =
  | { readonly _tag: "Route"; readonly route: Route; readonly params: { readonly [name: string]: string } }
  | { readonly _tag: "OtherMethods"; readonly methods: ReadonlyArray<Method> }
  | { readonly _tag: "NoRoute" }

/** The route of a path below the base path. Parameters come as they stand in the path: still percent-encoded. */
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
