/**
 * The server's options: which dialects it mounts where, its limits, and what it does with runs whose readers
 * disconnect.
 */
import type { Agent, NewWebhook } from "@reins/runtime"
import { OptionRule } from "@reins/runtime/promise"
import type { Dialect, Facts } from "@reins/wire"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/**
 * A dialect and its base path.
 *
 * **Details**
 * - `path`: its base path, such as `/openai/v1`. Absent: `/` and the dialect's name.
 * - `anyAgent`: an unknown agent name selects the default agent. For protocols whose clients must name a model.
 * - `onBusy`: what a query does while its thread has an active run. Absent: the server's `onBusy`, then the dialect's
 *   own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Mount {
  readonly dialect: Dialect.Dialect
  readonly path?: `/${string}` | undefined
  readonly anyAgent?: boolean | undefined
  readonly onBusy?: Dialect.OnBusy | undefined
}

/**
 * What clients see of an agent besides its tools. `options` are settings that some protocols let clients change; the
 * value of an option that is secret, or not listed, is never returned.
 */
export interface Description {
  readonly title?: string | undefined
  readonly version?: string | undefined
  readonly options?: ReadonlyArray<Facts.OptionFacts> | undefined
}

/**
 * At most `burst` requests at once, `perSecond` on average.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/**
 * Limits per tenant and per process. An absent limit is unlimited.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  /** The request rate of a tenant. */
  readonly requests?: Rate | undefined
  /** How many runs of a tenant, started by this server, may be active at once. */
  readonly concurrentRuns?: number | undefined
}

/**
 * What happens to a run when its last HTTP reader disconnects without cancelling. Absent: a run belongs to the runtime
 * and is kept, except for Chat Completions, Responses and Messages, whose clients stop a run by aborting the request.
 *
 * @since 0.1.0
 * @category models
 */
export type OnDisconnect = "keep" | "cancel" | { readonly cancelAfter: Duration.Input }

/**
 * A web hook of the program's own.
 *
 * **Details**
 * - `url`: trusted as it is, also in the program's own network.
 * - `secret`: signs what is sent, in the form `whsec_` and 24 to 64 bytes as Base64. A list: with each of them, so that one
 *   can replace the other. Kept in this process, and not in the store.
 * - `tenant`: the tenant of the runs; absent: every tenant.
 * - `events`, `content`: as those of `NewWebhook` of the runtime.
 *
 * @since 0.2.0
 * @category models
 */
export interface OwnWebhook extends Pick<NewWebhook, "url" | "events" | "content"> {
  readonly secret: Redacted.Redacted | string | ReadonlyArray<Redacted.Redacted | string>
  readonly tenant?: string | undefined
}

/**
 * Web hooks: notices of open questions and ended runs, and the web hooks that clients of A2A set for their tasks.
 *
 * **Details**
 * - `secret`: signs those of A2A's clients, as Standard Webhooks have it. Absent: clients of A2A may set none. Web hooks that
 *   are added by the native API have secrets of their own.
 * - `own`: those of the program. They replace the ones that an earlier process of this store had; absent: those stay, and
 *   are sent by the processes that have them.
 * - `allow`: where those of clients may be sent. Absent: to names of other machines over `https`; not to addresses, nor to
 *   names of a local network or with an address in one. Names are looked up (`NameLookup`) when a web hook is set, and
 *   before each is sent.
 * - `retryFor`: how long what an address does not accept is sent again before it is given up. Default 3 days.
 *
 * @since 0.2.0
 * @category models
 */
export interface WebhookOptions {
  readonly secret?: Redacted.Redacted | string | undefined
  readonly own?: ReadonlyArray<OwnWebhook> | undefined
  readonly allow?: ((url: URL) => boolean) | undefined
  readonly retryFor?: Duration.Input | undefined
}

/**
 * A static file. `isImmutable`: its name changes with its content, so that browsers may keep it for ever.
 *
 * @since 0.2.0
 * @category models
 */
export interface StaticFile {
  readonly type: string
  readonly body: Uint8Array
  readonly isImmutable: boolean
}

/**
 * Static files by their path, such as `index.html` or `assets/main-4f2a.js`.
 *
 * @since 0.2.0
 * @category models
 */
export type StaticFiles = ReadonlyMap<string, StaticFile>

/**
 * Who names a model: the principal's tenant, name and roles.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelChooser {
  readonly tenant: string
  readonly name?: string | undefined
  readonly roles?: ReadonlyArray<string> | undefined
}

/**
 * What a server is made from. Every option may be absent. **Errors**: building the server dies with the message about an
 * invalid time.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions {
  /**
   * Sends web hooks, of this process and of others over the same store. Absent: this server sends none, and setting one
   * is refused.
   */
  readonly webhooks?: WebhookOptions | undefined
  /**
   * What a query does while its thread has an active run, in every dialect without a setting of its own. Absent: what
   * the clients of each dialect expect; `reject` for the native one.
   */
  readonly onBusy?: Dialect.OnBusy | undefined
  /** The dialects besides the native one. Absent: none. */
  readonly dialects?: ReadonlyArray<Mount> | undefined
  /** A prefix for every path, when the server is part of a larger one: `/ai`. Absent: none. */
  readonly prefix?: `/${string}` | undefined
  /** The base path of the native dialect. Default `/native`. */
  readonly nativePath?: `/${string}` | undefined
  /** The agents that are described to clients, with their tools. Absent: none is described; all can be queried. */
  readonly agents?: ReadonlyArray<Agent.Any> | undefined
  /** Further descriptions of agents, by name. */
  readonly descriptions?: { readonly [agent: string]: Description } | undefined
  /**
   * Whether clients may name one of an agent's `models` for a query, all of them or those of these principals: as
   * `agent/model` where a protocol names the agent (`model` of OpenAI and Anthropic), or as `model` in native and AI
   * SDK requests. Where clients need not name an agent (`anyAgent`), a model's name alone is one of the default
   * agent's. Default false: a model that a request names besides is ignored.
   */
  readonly clientModels?: boolean | ((principal: ModelChooser) => boolean) | undefined
  readonly limits?: Limits | undefined
  /** The largest accepted request body, in bytes. Default 4 MiB. */
  readonly maxBodyBytes?: number | undefined
  /** How long a client may take to send its body. Default 30 seconds. */
  readonly bodyTimeout?: Duration.Input | undefined
  /**
   * Allowed browser origins by scheme, host and port, such as `https://app.example`, or `null`. Absent: none. List this
   * server's own public origin, too, if its pages send requests. An invalid origin is refused when the server is built.
   */
  readonly origins?: ReadonlyArray<string> | undefined
  /**
   * Under which names the dialects may be reached. `local`: addresses, `localhost`, and the names of `origins`, for a
   * server without keys: a page elsewhere may let its own name lead to this machine, and what it reads then carries no
   * origin. Default `any`; `local` for `createServer` with access `open`, and for `reins serve` without keys.
   */
  readonly hosts?: "any" | "local" | undefined
  /** How long a stream may be idle before a comment is sent to keep it open. Default 15 seconds. */
  readonly keepAlive?: Duration.Input | undefined
  readonly onDisconnect?: OnDisconnect | undefined
  /**
   * Headers, besides `authorization`, in which clients send their key. Default `x-api-key` and `x-storageapi-token`.
   */
  readonly keyHeaders?: ReadonlyArray<string> | undefined
  /**
   * `per-tenant`: each tenant has its own namespace of thread ids; in the runtime they are prefixed with the tenant's
   * name. Threads of the tenant that a program or a terminal has begun under plain ids are found by these. `shared`: ids are those of the runtime; an id that another tenant uses is reported as unknown. Default
   * `per-tenant`.
   */
  readonly threadIds?: "per-tenant" | "shared" | undefined
  /**
   * The page for operators: `page` of `@reins/inspector`. Served at `/inspector`, below the prefix, without a key; it
   * asks for one. List this server's own public origin in `origins`, so that the page may answer and start. Absent:
   * none.
   */
  readonly inspector?: Effect.Effect<StaticFiles> | undefined
  /**
   * Serves `/health`, `/ready`, `/metrics`, `/openapi.json`, `/docs`, and the answer to unknown paths. Default true.
   */
  readonly pages?: boolean | undefined
}

const time = OptionRule.optional(OptionRule.duration)

/**
 * The message about the first invalid time among the options; `undefined`: all are valid.
 *
 * @since 0.2.0
 * @category operations
 */
export const timeIssue = ({ bodyTimeout, keepAlive, onDisconnect, webhooks }: ServerOptions): string | undefined =>
  OptionRule.issueOf("bodyTimeout", bodyTimeout, time) ??
  OptionRule.issueOf("keepAlive", keepAlive, OptionRule.optional(OptionRule.interval)) ??
  OptionRule.issueOf("webhooks.retryFor", webhooks?.retryFor, time) ??
  (typeof onDisconnect === "object"
    ? OptionRule.issueOf("onDisconnect.cancelAfter", onDisconnect.cancelAfter, OptionRule.duration)
    : undefined)

/**
 * The options that are plain values, which a program may read from its configuration.
 *
 * @since 0.1.0
 * @category models
 */
export type ServerSettings = Pick<
  ServerOptions,
  | "origins"
  | "maxBodyBytes"
  | "bodyTimeout"
  | "keepAlive"
  | "keyHeaders"
  | "limits"
  | "onDisconnect"
  | "pages"
  | "threadIds"
>
