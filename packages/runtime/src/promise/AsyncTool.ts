/**
 * A tool as a plain function: its parameters, whether a person is asked first, and its handler. The model reads a
 * thrown error as a failure; a returned value is stored as `JSON.stringify` encodes it.
 */
import type { Json, Question } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import type { Approvers } from "../approval/Approvers.ts"
import { isDenial, type PolicyContext, type Ruling } from "../approval/Policy.ts"
import * as Types from "../kernel/Erased.ts"
import * as Task from "../kernel/Task.ts"
import * as Invocation from "../tool/Invocation.ts"
import {
  type FileContent,
  type FileOptions,
  type LaterOptions,
  type PersonAnswer,
  type Progress,
  ToolRun,
  type ToolRunShape
} from "../tool/ToolRun.ts"
import type { Hook } from "../hook/Hook.ts"
import type { Retrying } from "../tool/Retrying.ts"
import * as ToolSettings from "../tool/ToolSettings.ts"
import type { RunMemory } from "../memory/RunMemory.ts"
import * as CallRules from "./CallRules.ts"
import { type Arguments, type Parameters, toSchema } from "./Parameters.ts"

/** Memory with promises in place of effects. */
type PromisedMemory = {
  readonly [Name in keyof RunMemory]: RunMemory[Name] extends (...args: infer Args) => Effect.Effect<infer A, infer _E>
    ? (...args: Args) => Promise<A>
    : never
}

/**
 * The call that a tool's function executes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call extends Pick<
  ToolRunShape,
  "runId" | "threadId" | "callId" | "idempotencyKey" | "attempt" | "signal"
> {
  /** Reports the call's progress. The promise resolves when the reader has room for more; it need not be awaited. */
  readonly progress: (progress: Progress) => Promise<void>
  /** Announces a file that is stored elsewhere; returns its id. */
  readonly registerFile: (file: FileOptions) => Promise<string>
  /** Stores a file with the thread and announces it; returns its id. Rejects with `FileTooLarge`. */
  readonly storeFile: (file: FileContent) => Promise<string>
  /** Emits a `custom` event. */
  readonly emit: (eventType: string, data: Json) => Promise<void>
  /** Emits `data-flow-ui`: a description of something to show. */
  readonly flowUi: (dsl: Json) => Promise<void>
  /** Emits a hint for a placeholder. */
  readonly hint: (text: string) => Promise<void>
  /** The memory of the run's principal and tenant; its functions reject as those of `RunMemory` fail. */
  readonly memory: PromisedMemory
  /** Adds to the cost of this call, in US dollars. Rejects with `Money.InvalidAmount` for an invalid amount. */
  readonly reportCost: (usd: number) => Promise<void>
  /**
   * Asks a person and waits for the answer, which fits the question's JSON Schema. The function waits, so the run stays in
   * memory. See `ToolRun.ask`.
   */
  readonly ask: (question: Question.Question) => Promise<PersonAnswer>
  /**
   * Opens the call's ticket, for an answer that comes later. `return ticket.end()` ends the function with the receipt;
   * its promise never settles. See `ToolRun.later`.
   */
  readonly later: (options: LaterOptions) => Promise<AsyncTicket>
  /**
   * Sleeps, for seconds or for weeks, over restarts of the process: the function stops here, and when the time has come
   * it is called again from its start, where this resolves at once. The promise of a function that stopped never
   * settles, so its `finally` blocks do not run: hold no resource across a sleep. See `ToolRun.sleep`.
   */
  readonly sleep: (duration: Duration.Input) => Promise<void>
  /**
   * Runs `work`, and stores what it returns, JSON or nothing, as a receipt under the call's idempotency key and `name`:
   * a retry or a repetition of the same call returns the stored value and does not run `work`. See
   * `ToolRun.once`.
   */
  readonly once: <A extends Json | void>(name: string, work: () => Promise<A> | A) => Promise<A>
}

/**
 * The ticket of a call that answers later. `expiresAt`: in epoch milliseconds; absent: never.
 *
 * @since 0.2.0
 * @category models
 */
export interface AsyncTicket {
  readonly id: string
  readonly expiresAt?: number | undefined
  readonly end: () => Promise<never>
}

/**
 * A tool.
 *
 * **Details**
 * - `needsApproval`: true, or a function of the arguments that returns true, means that a person is asked first. One that
 *   throws or takes too long means ask.
 * - `execute`: absent, the caller of the runtime runs it and submits the result by `submitToolResult`.
 * - `timeoutMs`, `retries`: of one attempt, and how often a failed one is retried. Absent: no limit, never.
 * - `retry`: the same with delays, and for some failures only; see `ToolSettings.Retry`.
 * - `hooks`: code around its calls, the outermost first; see `hook`.
 * - `concurrency`: how many calls of it an agent runs at the same time. Absent: the agent's `maxParallelCalls`.
 * - `isPlan`: its arguments are a plan that it executes: a person is asked about it as a whole (kind `plan`), unless
 *   `needsApproval` is false, and a revision goes back to the model. `plan-status-change` events report its status.
 * - `mayRepeat`: it is meant to be called repeatedly with the same arguments; see `ToolSettings.MayRepeat`.
 * - `maxCostUsd`: the maximum cost of one call, in US dollars, or a function of the arguments; see
 *   `ToolSettings.MaxCostUsd`.
 * - `approvers`: who may answer the questions about its calls, unless its agent names others; see `Approvers`.
 * - `asks`: the question in its arguments, which is asked in place of running it; see `askPerson`.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncTool<P extends Parameters> {
  readonly description?: string | undefined
  readonly parameters: P
  readonly needsApproval?:
    | boolean
    | ((args: Arguments<P>, context: PolicyContext) => Ruling | Promise<Ruling>)
    | undefined
  readonly execute?: ((args: Arguments<P>, call: Call) => unknown) | undefined
  readonly timeoutMs?: number | undefined
  readonly retries?: number | undefined
  readonly retry?: Retrying | undefined
  readonly hooks?: ReadonlyArray<Hook> | undefined
  readonly concurrency?: number | undefined
  readonly isPlan?: boolean | undefined
  readonly mayRepeat?: boolean | undefined
  readonly maxCostUsd?: number | ((args: Arguments<P>) => number) | undefined
  readonly approvers?: Approvers | undefined
  readonly asks?: ToolSettings.Asks | undefined
}

/**
 * A tool as a value, with its arguments typed by its parameters.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tool = <const P extends Parameters>(definition: AsyncTool<P>): AsyncTool<P> => definition

/** A tool with its types erased: the function takes the decoded arguments. */
export interface Erased {
  readonly description?: string | undefined
  readonly parameters: Parameters
  readonly needsApproval?: boolean | ((args: never, context: PolicyContext) => Ruling | Promise<Ruling>) | undefined
  readonly execute?: ((args: never, call: Call) => unknown) | undefined
  readonly timeoutMs?: number | undefined
  readonly retries?: number | undefined
  readonly retry?: Retrying | undefined
  readonly hooks?: ReadonlyArray<Hook> | undefined
  readonly concurrency?: number | undefined
  readonly isPlan?: boolean | undefined
  readonly mayRepeat?: boolean | undefined
  readonly maxCostUsd?: number | ((args: never) => number) | undefined
  readonly approvers?: Approvers | undefined
  readonly asks?: ToolSettings.Asks | undefined
}

/** The tool as the runtime's. */
export const define = (name: string, definition: Erased): Tool.Any => {
  const { needsApproval } = definition
  const made = Tool.make(name, {
    ...(definition.description === undefined ? {} : { description: definition.description }),
    parameters: toSchema(`the parameters of tool ${JSON.stringify(name)}`, definition.parameters),
    success: Schema.Unknown,
    failure: Schema.Struct({ message: Schema.String }),
    dependencies: [ToolRun],
    ...(needsApproval === undefined ? {} : { needsApproval: asked(needsApproval) })
  })
  const { concurrency, isPlan, maxCostUsd, mayRepeat, retries, timeoutMs } = definition
  let tool: Tool.Any = made
  if (timeoutMs !== undefined) tool = tool.annotate(ToolSettings.Timeout, timeoutMs)
  if (retries !== undefined) tool = tool.annotate(ToolSettings.Retries, retries)
  if (definition.retry !== undefined) tool = tool.annotate(ToolSettings.Retry, definition.retry)
  if (definition.hooks !== undefined) tool = tool.annotate(ToolSettings.Hooks, definition.hooks)
  if (concurrency !== undefined) tool = tool.annotate(ToolSettings.Concurrency, concurrency)
  if (mayRepeat === true) tool = tool.annotate(ToolSettings.MayRepeat, true)
  if (definition.approvers !== undefined) tool = tool.annotate(ToolSettings.Approvers, definition.approvers)
  if (maxCostUsd !== undefined) tool = tool.annotate(ToolSettings.MaxCostUsd, maxCostUsd)
  if (definition.asks !== undefined) tool = tool.annotate(ToolSettings.AsksPerson, definition.asks)
  return isPlan === true ? tool.annotate(ToolSettings.IsPlan, true) : tool
}

/** The tool's handler; `undefined` when the caller runs the tool. */
export const handler = ({ execute }: Erased) =>
  execute === undefined
    ? undefined
    : // The arguments were decoded by the tool's own schema.
      Invocation.plainHandler((args, live) => {
        const call = new LiveCall(live)
        return settled(() => execute(Types.as<never>(args), call), call.onLeft)
      })

/** A call as its function sees it. Its members are made when they are read. */
class LiveCall implements Call {
  private readonly live: { readonly service: ToolRunShape }
  /** Whether the function has stopped: it waits for a promise that never settles. */
  private hasLeft = false
  private leave: (() => void) | undefined

  constructor(live: { readonly service: ToolRunShape }) {
    this.live = live
  }

  /** `left` is called once the function has stopped. */
  readonly onLeft = (left: () => void): void => {
    this.leave = left
    if (this.hasLeft) left()
  }

  /** Runs what stops the function unless it completes at once; then nobody waits for the function any more. */
  private stop<A>(stops: Effect.Effect<A>): Promise<A> {
    const fiber = Effect.runFork(stops)
    if (fiber.pollUnsafe() === undefined) {
      this.hasLeft = true
      this.leave?.()
    }
    return Effect.runPromise(Fiber.join(fiber))
  }

  get runId(): string {
    return this.live.service.runId
  }
  get threadId(): string {
    return this.live.service.threadId
  }
  get callId(): string {
    return this.live.service.callId
  }
  get idempotencyKey(): string {
    return this.live.service.idempotencyKey
  }
  get attempt(): number {
    return this.live.service.attempt
  }
  get signal(): AbortSignal {
    return this.live.service.signal
  }
  // Bound functions, because tools destructure them: `execute: (args, { progress }) => …`.
  readonly progress: Call["progress"] = (progress) => {
    const issue = CallRules.progress(progress)
    if (issue === undefined) return Effect.runPromise(this.live.service.progress(progress))
    const refused = Promise.reject(new Error(issue))
    // It need not be awaited, and the process ends where nobody has looked at a rejection.
    refused.catch(() => undefined)
    return refused
  }
  readonly registerFile: Call["registerFile"] = (file) =>
    unless(CallRules.registerFile(file), () => Effect.runPromise(this.live.service.registerFile(file)))
  readonly storeFile: Call["storeFile"] = (file) =>
    unless(CallRules.storeFile(file), () => Effect.runPromise(this.live.service.storeFile(file)))
  readonly emit: Call["emit"] = (eventType, data) => Effect.runPromise(this.live.service.emit(eventType, data))
  readonly flowUi: Call["flowUi"] = (dsl) => Effect.runPromise(this.live.service.flowUi(dsl))
  readonly hint: Call["hint"] = (text) => Effect.runPromise(this.live.service.hint(text))
  get memory(): PromisedMemory {
    const { memory } = this.live.service
    return {
      remember: (...args) => unless(CallRules.remember(args), () => Effect.runPromise(memory.remember(...args))),
      recall: (...args) => unless(CallRules.recall(args), () => Effect.runPromise(memory.recall(...args))),
      forget: (...args) => unless(CallRules.forget(args), () => Effect.runPromise(memory.forget(...args)))
    }
  }
  readonly reportCost: Call["reportCost"] = (usd) => Effect.runPromise(this.live.service.reportCost(usd))
  readonly ask: Call["ask"] = (question) => Effect.runPromise(this.live.service.ask(question), { signal: this.signal })
  readonly later: Call["later"] = (options) =>
    unless(CallRules.later([options]), () =>
      Effect.runPromise(
        Effect.map(this.live.service.later(options), ({ end, expiresAt, id }) => ({
          id,
          expiresAt,
          end: () => this.stop(end)
        }))
      )
    )
  readonly sleep: Call["sleep"] = (duration) => this.stop(this.live.service.sleep(duration))
  readonly once = <A extends Json | void>(name: string, work: () => Promise<A> | A): Promise<A> =>
    unless(CallRules.once([name, work]), () => Effect.runPromise(this.live.service.once(name, promised(work))))
}

/** Does the work unless something is wrong. */
const unless = <A>(issue: string | undefined, work: () => Promise<A>): Promise<A> =>
  issue === undefined ? work() : Promise.reject(new Error(issue))

/** What `work` returns or resolves to; a throw or rejection passes through unchanged. */
const promised = <A>(work: () => Promise<A> | A): Effect.Effect<A> =>
  Effect.promise(() => new Promise<A>((resolve) => resolve(work())))

// The gate reads a denial, which effect/ai does not have.
const asked = (
  needs: NonNullable<Erased["needsApproval"]>
): boolean | ((args: unknown, context: unknown) => Effect.Effect<boolean>) =>
  typeof needs === "boolean" ? needs : Types.as(predicate(needs))

/** The function that decides whether a person is asked, as the runtime's: throwing or taking too long means ask. */
export const predicate =
  (asks: (args: never, context: PolicyContext) => Ruling | Promise<Ruling>) =>
  (args: unknown, context: unknown): Effect.Effect<Ruling> =>
    // The gate passes only these members.
    Effect.orDie(
      Effect.map(
        Effect.suspend(() => settled(() => asks(Types.as<never>(args), Types.as<PolicyContext>(context)))),
        (said) => (isDenial(said) ? said : said !== false)
      )
    )

/**
 * The value or promise of `work`, which is called at once; a throw or rejection becomes a message. `onLeft`: who is told
 * when the promise never settles.
 */
const settled = (
  work: () => unknown,
  onLeft?: LiveCall["onLeft"]
): Effect.Effect<unknown, { readonly message: string }> => {
  const begun = Result.try(work)
  if (Result.isFailure(begun)) return Exit.fail(inWords(begun.failure))
  const value = begun.success
  return Predicate.isPromiseLike(value) ? Task.ofPromise(value, inWords, onLeft) : Exit.succeed(value)
}

const inWords = (error: unknown): { readonly message: string } => {
  const message = Predicate.hasProperty(error, "message") ? String(error.message) : String(error ?? "")
  return { message: message.trim() === "" ? Invocation.noReason : message }
}
