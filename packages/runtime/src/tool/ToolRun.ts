/**
 * What a tool's handler can use while it runs: report progress and cost, store or register a file, tell a retry from a
 * first attempt. One per call; declare it with `dependencies: [ToolRun]` on the tool and `yield* ToolRun` in the
 * handler.
 */
import type { Json, Question } from "@reins/protocol"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { RunMemory } from "../memory/RunMemory.ts"

/**
 * Progress of a running tool. `phaseIndex` counts from 0 or 1 up to `totalPhases`; a lower one than before is raised to
 * the last.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  readonly label: string
  readonly phaseIndex: number
  readonly totalPhases: number
  readonly milestone?: Json | undefined
}

/**
 * A file that a tool created.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOptions {
  readonly fileId?: string | undefined
  readonly filename: string
  readonly mediaType: string
  readonly sizeBytes: number
  readonly url?: string | undefined
}

/**
 * A file that a tool created, with its bytes. Text is stored as UTF-8.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileContent {
  readonly filename: string
  readonly mediaType: string
  readonly content: Uint8Array | string
}

/**
 * A file is larger than `maxFileBytes`.
 *
 * @since 0.1.0
 * @category errors
 */
export class FileTooLarge extends Schema.TaggedError<FileTooLarge>()("FileTooLarge", {
  filename: Schema.String,
  sizeBytes: Schema.Natural,
  maxBytes: Schema.Natural
}) {
  override get message() {
    return `File ${JSON.stringify(this.filename)} has ${this.sizeBytes} bytes. The limit is ${this.maxBytes}`
  }
}

/**
 * How a question of a running call ended.
 *
 * **Details**
 * - `Answered`: `value` fits the question's schema; `remark`: what the person wrote beside it.
 * - `Declined`: a person refused to answer, for `reason` (may be empty), or `isUnattended`: nobody can be asked.
 * - `Expired`: nobody answered in time. `Withdrawn`: the user sent a message instead. `Cancelled`: the run was cancelled, or
 *   an earlier attempt of the handler had stopped waiting for it.
 *
 * @since 0.2.0
 * @category models
 */
export type PersonAnswer =
  | { readonly _tag: "Answered"; readonly value: Json; readonly remark?: string | undefined }
  | { readonly _tag: "Declined"; readonly reason: string; readonly isUnattended: boolean }
  | { readonly _tag: "Expired" }
  | { readonly _tag: "Withdrawn" }
  | { readonly _tag: "Cancelled" }

/**
 * How a call answers later. `receipt`: what the model reads at once. `expiresIn`: how long a result may take; absent: as
 * long as the run waits. After that the model reads that it has expired.
 *
 * @since 0.2.0
 * @category models
 */
export interface LaterOptions {
  readonly receipt: Json
  readonly expiresIn?: Duration.Input | undefined
}

/**
 * The ticket of a call that answers later. `id`: what its result is delivered for (`runtime.results.deliver`), in any
 * process. `expiresAt`: in epoch milliseconds; absent: never. `end`: ends the handler with the receipt.
 *
 * @since 0.2.0
 * @category models
 */
export interface Ticket {
  readonly id: string
  readonly expiresAt?: number | undefined
  readonly end: Effect.Effect<never>
}

/**
 * The service that `yield* ToolRun` returns.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolRunShape {
  readonly runId: string
  readonly threadId: string
  readonly callId: string
  /** The same on every attempt of this call, in this process or another; different for every other call. */
  readonly idempotencyKey: string
  /** How often this call was started before: 0 on the first attempt. */
  readonly attempt: number
  /** Aborted when the call should end: cancel, timeout, or the run's end. For code that takes a signal. */
  readonly signal: AbortSignal
  /** Emits `tool-progress`. After the handler has ended it does nothing. */
  readonly progress: (progress: Progress) => Effect.Effect<void>
  /** Emits `data-file-registered` for a file that is stored elsewhere; returns the file's id. */
  readonly registerFile: (file: FileOptions) => Effect.Effect<string>
  /** Stores a file with the thread and emits `data-file-registered`; returns its id, for `runtime.files.get`. */
  readonly storeFile: (file: FileContent) => Effect.Effect<string, FileTooLarge>
  /**
   * Emits a `custom` event: `event_type` is the domain's own name. Data that is not JSON is a defect of the handler.
   */
  readonly emit: (eventType: string, data: Json) => Effect.Effect<void>
  /**
   * Emits `data-flow-ui`: a description of something to show, in a language of the product's own. Not JSON is a defect.
   */
  readonly flowUi: (dsl: Json) => Effect.Effect<void>
  /** Emits a hint for a placeholder, as a `custom` event of type `hint`. */
  readonly hint: (text: string) => Effect.Effect<void>
  /** What is remembered across threads: of the run's principal and tenant. `MemoryTools` gives it to a model. */
  readonly memory: RunMemory
  /**
   * Adds to the cost of this call, in US dollars, for the ledger and the budget. On a durable deployment it is stored
   * when this completes, and counts also if the process dies then. Without effect after the call has ended. An invalid
   * amount (negative, NaN, infinite, above 9 million) is a defect of the handler (`Money.InvalidAmount`): it is never
   * counted as 0.
   */
  readonly reportCost: (usd: number) => Effect.Effect<void>
  /**
   * Sleeps, for seconds or for weeks, without a fiber and over restarts of the process: the handler is interrupted here,
   * and when the time has come the call runs again **from the handler's start**. In that run this sleep returns at once.
   *
   * **Details**
   * - Sleeps are distinguished by their order in the handler. So on the way to a sleep a handler must do the same each time:
   *   what asks the outside world stands in `once`.
   * - Events, progress, files and costs that it reported before the sleep are not reported again.
   * - What runs beside it is interrupted too, and finalizers run: hold no resource across a sleep.
   * - The time is not machine time, neither for limits of duration nor in the latency summary, and each part of the
   *   handler has the tool's whole timeout. Meanwhile the call holds no budget and no slot; it is admitted again.
   * - A cancel ends it. A definition of the tool that changed meanwhile is asked about, where the call was approved.
   * - An infinite duration is a defect of the handler. A negative one is 0.
   *
   * **Example** (A reminder)
   *
   * ```ts
   * import { ToolRun } from "@reins/runtime"
   * import { Effect } from "effect"
   *
   * declare const isPaid: (invoice: string) => Effect.Effect<boolean>
   * declare const remind: (invoice: string) => Effect.Effect<void>
   *
   * export const follow = Effect.fnUntraced(function* (invoice: string) {
   *   const run = yield* ToolRun
   *   yield* run.sleep("7 days")
   *   if (yield* isPaid(invoice)) return "paid"
   *   yield* run.once("remind", remind(invoice))
   *   return "reminded"
   * })
   * ```
   */
  readonly sleep: (duration: Duration.Input) => Effect.Effect<void>
  /**
   * Answers later: opens the call's ticket, whose `id` is for whatever will have the result, a web hook or a worker.
   * `return yield* ticket.end` ends the handler with the receipt: the model reads it and goes on, and the result enters the
   * conversation when it is delivered (`runtime.results.deliver`). A handler that returns or fails instead has its result,
   * and the ticket is closed.
   *
   * **Details**
   * - A call has one ticket: opened again, also by a retry or after a crash, it is the same, and expires when it first was
   *   to. It takes a delivery from the moment on in which this completes.
   * - An agent that would end waits for its open tickets, without a fiber and machine time, unless `onOpenResults` is
   *   `"end"`; then, and at a cancel or a limit, they are closed.
   * - A receipt that is not JSON is a defect of the handler.
   *
   * **Example** (A build that reports back)
   *
   * ```ts
   * import { ToolRun } from "@reins/runtime"
   * import { Effect } from "effect"
   *
   * declare const start: (branch: string, ticketId: string) => Effect.Effect<void>
   *
   * export const build = Effect.fnUntraced(function* (branch: string) {
   *   const run = yield* ToolRun
   *   const ticket = yield* run.later({ receipt: "The build has started", expiresIn: "2 hours" })
   *   yield* run.once("start", start(branch, ticket.id))
   *   return yield* ticket.end
   * })
   * ```
   */
  readonly later: (options: LaterOptions) => Effect.Effect<Ticket>
  /**
   * Asks a person, and waits for the answer: by the service of approvals (kind `question`), so that it expires, names its
   * approvers and is listed as they do. The answer fits the question's JSON Schema.
   *
   * **Details**
   * - The handler waits, so the run stays in memory, and the time counts for the tool's timeout and the run's limits. A
   *   question that may take days is better asked before the call, by a tool that asks (`AskPerson`).
   * - After a crash, or for another attempt, the handler runs again: questions are distinguished by their order in it, and an
   *   answered one is not asked again. A call that a person had to allow once more asks anew.
   * - One question of a call is open at a time; others wait for it. A handler that stops waiting (`Effect.timeout`) and a
   *   call that ends withdraw their question. An attempt that is cut leaves it open for the next one.
   * - Where nobody can be asked (`unattended`), it is declined at once.
   */
  readonly ask: (question: Question.Question) => Effect.Effect<PersonAnswer>
  /**
   * Runs the effect, and stores its result as a receipt under this call's idempotency key and `name`. Asked for again, by
   * a retry, by a later run of the same call or beside the first, it returns that result and does not run the effect. A
   * failure is not stored: then the effect is run again.
   *
   * **Details**
   * - The receipt is stored when this completes. If the process dies between the effect and its receipt, the effect is
   *   run again: give the outside system `idempotencyKey`, with `name` where a call does several things.
   * - The receipt counts also if a person has changed the call's arguments since.
   * - `schema`: of a result that is not JSON. Without one, such a result is a defect of the handler.
   *
   * **Example** (A payment that is made once)
   *
   * ```ts
   * import { ToolRun } from "@reins/runtime"
   * import { Effect } from "effect"
   *
   * declare const charge: (key: string, euros: number) => Effect.Effect<{ readonly id: string }>
   *
   * export const pay = Effect.fnUntraced(function* (euros: number) {
   *   const run = yield* ToolRun
   *   const { id } = yield* run.once("charge", charge(run.idempotencyKey, euros))
   *   return `paid ${euros} (${id})`
   * })
   * ```
   */
  readonly once: {
    <A extends Json | void, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
    <A, E, R>(name: string, effect: Effect.Effect<A, E, R>, schema: Schema.Codec<A, Json>): Effect.Effect<A, E, R>
  }
}

/**
 * The service of the call that is running. Declare it in the tool's `dependencies`; the runtime provides it.
 *
 * @since 0.1.0
 * @category services
 */
export class ToolRun extends Context.Service<ToolRun, ToolRunShape>()("@reins/runtime/ToolRun") {}
