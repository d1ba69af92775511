/**
 * How a server is set up: which dialects it speaks where, what it allows, how it treats those who leave.
 */
import type { Agent } from "@reins/runtime"
import type { Dialect, Facts } from "@reins/wire"
import type * as Duration from "effect/Duration"

/**
 * A dialect and where it is served.
 *
 * **Details**
 * - `path`: its base path, such as `/openai/v1`. Absent: `/` and the dialect's name.
 * - `anyAgent`: an agent's name that nobody knows means the default agent. For protocols whose clients must name a model.
 */
export interface Mount {
  readonly dialect: Dialect.Dialect
  readonly path?: `/${string}` | undefined
  readonly anyAgent?: boolean | undefined
}

/**
 * What clients are told of an agent besides its tools. `options` are settings that some protocols let clients make; the value
 * of one that is secret, or is not listed, is never shown again.
 */
export interface Description {
  readonly title?: string | undefined
  readonly version?: string | undefined
  readonly options?: ReadonlyArray<Facts.OptionFacts> | undefined
}

/** At most `burst` requests at once, `perSecond` in the long run. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Per tenant, and per process. An absent limit is none. */
export interface Limits {
  /** How often a tenant may ask. */
  readonly requests?: Rate | undefined
  /** How many runs of a tenant that were started here may run at once. */
  readonly concurrentRuns?: number | undefined
}

/**
 * What becomes of a run when the last one who watched it over HTTP is gone without a word. A run belongs to the runtime, so
 * the usual is to keep it.
 */
export type OnDisconnect = "keep" | "cancel" | { readonly cancelAfter: Duration.Input }

export interface ServerOptions {
  /** The dialects besides the native one. Absent: none. */
  readonly dialects?: ReadonlyArray<Mount> | undefined
  /** Stands before every path, where the server is a part of a larger one: `/ai`. Absent: nothing. */
  readonly prefix?: `/${string}` | undefined
  /** The base path of the native dialect. Default `/native`. */
  readonly nativePath?: `/${string}` | undefined
  /** Agents that clients may see described, with their tools. Absent: none is described; all can be asked. */
  readonly agents?: ReadonlyArray<Agent.Any> | undefined
  /** What is told of agents besides, by their names. */
  readonly descriptions?: { readonly [agent: string]: Description } | undefined
  readonly limits?: Limits | undefined
  /** Most bytes of a request's body. Default 4 MiB. */
  readonly maxBodyBytes?: number | undefined
  /** How long a client may take to send its body. Default 30 seconds. */
  readonly bodyTimeout?: Duration.Input | undefined
  /** Browser origins that may ask, such as `https://app.example`, or `null`. A page of this server's own always may. */
  readonly origins?: ReadonlyArray<string> | undefined
  /** How long a stream may be silent before a comment keeps it open. Default 15 seconds. */
  readonly keepAlive?: Duration.Input | undefined
  readonly onDisconnect?: OnDisconnect | undefined
  /** Headers, besides `authorization`, in which clients send their key. Default `x-api-key` and `x-storageapi-token`. */
  readonly keyHeaders?: ReadonlyArray<string> | undefined
  /**
   * `per-tenant`: each tenant has thread ids of its own, so that two may use the same; in the runtime they carry the tenant's
   * name. `shared`: ids are those of the runtime; one that another tenant uses is as good as unknown. Default `per-tenant`.
   */
  readonly threadIds?: "per-tenant" | "shared" | undefined
  /** `/health`, `/metrics`, `/openapi.json`, `/docs`, and the answer to paths that nobody serves. Default true. */
  readonly pages?: boolean | undefined
}
