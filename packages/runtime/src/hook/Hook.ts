/**
 * A hook: code of the program before and after a model step, and before and after a call. It can rewrite what passes,
 * refuse it with a reason, or end the run. A value, made once and given to a runtime, an agent or a tool.
 *
 * Hooks of one place are layers around it, the outermost first: those of the runtime, of the agent, of the tool. Before,
 * the outermost runs first; after, the innermost does. What a hook refuses passes the hooks outside of it only. A hook
 * that fails, dies or takes too long lets nothing through.
 */
import { type AgentPath, Budget, type Json, type Message, type Usage } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Erased from "../kernel/Erased.ts"
import * as Rule from "../kernel/OptionRule.ts"
import type { ModelPort, ModelRequest, StopReason } from "../model/Model.ts"

/**
 * Marks hooks.
 *
 * @since 0.1.0
 * @category constants
 */
export const TypeId = "~@reins/runtime/Hook" as const

/**
 * A hook that needs the services `R`: those of the runtime's layer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hook<out R = never> {
  readonly [TypeId]: { readonly _R: () => R }
  readonly name: string
  readonly definition: Definition
  /** Why its options are invalid: a runtime with it is not built. Absent: they are valid. */
  readonly issue?: string | undefined
}

/**
 * Any hook.
 *
 * @since 0.1.0
 * @category models
 */
export type Any = Hook<Erased.Any>

/**
 * The services that hooks need.
 *
 * @since 0.1.0
 * @category models
 */
export type Services<H> = H extends Hook<infer R> ? R : never

/**
 * A question to a model, besides the agent's conversation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Question {
  readonly prompt: string
  /** The system instructions. Absent: none. */
  readonly instructions?: string | undefined
  /** The maximum of output tokens. Absent: the model's own limit, or 8,192 under a budget of output or money. */
  readonly maxOutputTokens?: number | undefined
  /** The model to ask. Absent: the agent's. */
  readonly model?: ModelPort | undefined
}

/**
 * A question of a hook has no answer: the budget does not allow it, the model failed, or its answer is incomplete.
 *
 * @since 0.1.0
 * @category errors
 */
export class AskFailed extends Schema.TaggedError<AskFailed>()("AskFailed", { issue: Schema.String }) {
  override get message() {
    return `The hook's question has no answer: ${this.issue}`
  }
}

/**
 * Where a hook runs, and what it may use there.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly runId: string
  readonly threadId: string
  /** The tenant. */
  readonly resourceId: string
  /** The agent's name. */
  readonly agent: string
  readonly agentPath: AgentPath.AgentPath
  /**
   * Asks a model and returns its text. Reserved on the agent's budget, and in the ledger as a request with the purpose
   * `hook`; nothing of it is shown.
   */
  readonly ask: (question: Question) => Effect.Effect<string, AskFailed>
  /**
   * Adds US dollars that the hook has spent itself, as on a paid service. Counted on the agent's budget at once, stored
   * before it completes, and in the ledger under `hook` and the hook's name. What a hook reports after it has been cut, or
   * its step or call has ended, does not count. A negative number, or one that is not finite, is a defect.
   */
  readonly reportCost: (usd: number) => Effect.Effect<void>
}

/**
 * A call before the gate decides about it. `args`: as the model wrote them, or as the hooks outside have rewritten them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call extends Place {
  readonly toolName: string
  readonly toolCallId: string
  /** Who runs it: the runtime, its caller, or a specialist. */
  readonly execution: "server" | "client" | "agent"
  readonly args: Json
  /** The JSON Schema of its arguments, as the model is given it. */
  readonly parameters: Json
  /** Why arguments do not fit the tool, as the model would read it; `undefined` if they do. */
  readonly issueOf: (args: Json) => Effect.Effect<string | undefined>
}

/**
 * A call with its result, before the log and the model get it. `args`: those it ran with.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallResult extends Pick<
  Call,
  Exclude<keyof Place, never> | "toolName" | "toolCallId" | "execution" | "args"
> {
  readonly result: Json
  /** Absent: it succeeded. */
  readonly status?: "failed" | "denied" | "cancelled" | undefined
  /** What the model is shown in place of `result`, where the tool says that. */
  readonly content?: Message.ResultPart["content"] | undefined
}

/**
 * The parts of a step's request that a hook may rewrite.
 *
 * @since 0.1.0
 * @category models
 */
export type Request = Pick<
  ModelRequest,
  "instructions" | "messages" | "tools" | "output" | "providerOptions" | "settings"
>

/**
 * A model step before its request is sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Step extends Place {
  /** Counts from 1 within the agent. */
  readonly step: number
  readonly request: Request
  /** Present for a request besides the conversation: to shorten it before this step. Absent: the step itself. */
  readonly purpose?: "compaction" | undefined
  /** The user's messages that no step has read yet: the last ones of the request. Empty: none. */
  readonly input: ReadonlyArray<Message.User>
}

/**
 * A model's finished answer, before its calls are announced and anything of it is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer extends Place {
  readonly step: number
  /** Text, reasoning, calls and files, in the model's order. */
  readonly content: ReadonlyArray<Message.AssistantPart>
  /** Its text alone. */
  readonly text: string
  readonly stop: StopReason
  /** Of the step so far. */
  readonly usage: Usage.Usage
  /** Whether readers have seen its text. False: a hook holds it (`holdsText`). */
  readonly isShown: boolean
}

/**
 * Nothing is changed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pass {
  readonly _tag: "Pass"
}

/**
 * A refusal. Before a call: it does not run, and the model reads the reason. After a call: its result is withheld, and
 * the model reads the reason. Before a step: the agent ends, and a coordinator reads the reason. After a step: the
 * answer is withheld or retracted, and the model reads the reason and answers again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Refuse {
  readonly _tag: "Refuse"
  readonly reason: string
}

/**
 * The run ends with the error `HookEnded`, also where the hook is a specialist's.
 *
 * @since 0.1.0
 * @category models
 */
export interface End {
  readonly _tag: "End"
  readonly reason: string
}

/**
 * Other arguments: the gate, the question and the tool get them, and the tool's schema checks them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Arguments {
  readonly _tag: "Arguments"
  readonly args: Json
}

/**
 * Another result: the log, the thread and the model get it. `content`: what the model is shown in its place.
 *
 * @since 0.1.0
 * @category models
 */
export interface Result {
  readonly _tag: "Result"
  readonly result: Json
  readonly status?: "failed" | "denied" | undefined
  readonly content?: Message.ResultPart["content"] | undefined
}

/**
 * Another request: the model gets it. The conversation is not changed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Requested {
  readonly _tag: "Request"
  readonly request: Partial<Request>
}

/**
 * Another answer. Readers that saw the model's own read that it was retracted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Content {
  readonly _tag: "Content"
  readonly content: ReadonlyArray<Message.AssistantPart>
}

/**
 * What a hook says before a call, after it, before a step, and after it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Verdicts {
  readonly beforeCall: Pass | Arguments | Refuse | End
  readonly afterCall: Pass | Result | Refuse | End
  readonly beforeStep: Pass | Requested | Refuse | End
  readonly afterStep: Pass | Content | Refuse | End
}

/**
 * Lets it through unchanged.
 *
 * @since 0.1.0
 * @category constants
 */
export const pass: Pass = { _tag: "Pass" }

/**
 * Refuses, with a reason that is read as `Refuse` says.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refuse = (reason: string): Refuse => ({ _tag: "Refuse", reason })

/**
 * Ends the run. The reason is in its `error` event, which callers read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const end = (reason: string): End => ({ _tag: "End", reason })

/**
 * Gives a call other arguments.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withArguments = (args: Json): Arguments => ({ _tag: "Arguments", args })

/**
 * Gives a call another result. Without `content`, the model is shown `result`; without `status`, the call has succeeded.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withResult = (result: Json, options: Pick<Result, "status" | "content"> = {}): Result => ({
  ...options,
  _tag: "Result",
  result
})

/**
 * Sends another request: what is absent stays as it is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withRequest = (request: Partial<Request>): Requested => ({ _tag: "Request", request })

/**
 * Takes another answer in place of the model's. Calls in it are made.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withContent = (content: ReadonlyArray<Message.AssistantPart>): Content => ({ _tag: "Content", content })

/**
 * What a hook does. Absent functions change nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<R1, R2, R3, R4> {
  /** Before the gate decides about a call; the result is stored, so that it is run once for each call. */
  readonly beforeCall?: ((call: Call) => Effect.Effect<Verdicts["beforeCall"], unknown, R1>) | undefined
  /**
   * When a call has a result, its own or the runtime's: invalid arguments, a denial, a failure. Not for calls that were
   * cancelled, that a limit refused, or of unknown tools.
   */
  readonly afterCall?: ((call: CallResult) => Effect.Effect<Verdicts["afterCall"], unknown, R2>) | undefined
  /** Before each model step. A step that is repeated after a crash runs it again. */
  readonly beforeStep?: ((step: Step) => Effect.Effect<Verdicts["beforeStep"], unknown, R3>) | undefined
  /** When the model has answered completely; not for an answer that was cut by a cancel, a limit or a failure. */
  readonly afterStep?: ((answer: Answer) => Effect.Effect<Verdicts["afterStep"], unknown, R4>) | undefined
  /**
   * Nothing of an answer is shown before `afterStep` of all hooks has let it through: then its text comes at once.
   * Absent: false, it is streamed, and retracted where a hook changes or refuses it.
   */
  readonly holdsText?: boolean | undefined
  /** The tools and specialists with calls that it is for. Absent: all. */
  readonly tools?: ReadonlyArray<string> | undefined
  /** How long each of its functions may take. Absent: 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A hook's options, with their types erased. Read by the runtime, not by users.
 *
 * @since 0.1.0
 * @category models
 */
export interface Definition {
  readonly beforeCall: ((call: Call) => Erased.Needing<unknown, unknown>) | undefined
  readonly afterCall: ((call: CallResult) => Erased.Needing<unknown, unknown>) | undefined
  readonly beforeStep: ((step: Step) => Erased.Needing<unknown, unknown>) | undefined
  readonly afterStep: ((answer: Answer) => Erased.Needing<unknown, unknown>) | undefined
  readonly holdsText: boolean
  readonly tools: ReadonlyArray<string> | undefined
  readonly timeoutMs: number
}

const rule = Rule.fields<Options<never, never, never, never>>(
  "Give an object such as { beforeCall: (call) => Effect.succeed(Hook.pass) }",
  {
    beforeCall: Rule.optional(Rule.callable()),
    afterCall: Rule.optional(Rule.callable()),
    beforeStep: Rule.optional(Rule.callable()),
    afterStep: Rule.optional(Rule.callable()),
    holdsText: Rule.optional(Rule.flag),
    tools: Rule.optional(Rule.list("Give a list of names of tools and specialists", Rule.name("Name a tool"))),
    timeout: Rule.optional(Rule.duration)
  }
)

/**
 * Makes a hook. Its name is in errors and log lines. **Errors**: invalid options are `InvalidAgents` when the runtime's
 * layer is built.
 *
 * **Gotchas**: functions that fail, die, take longer than `timeout`, or return something else than a verdict let nothing
 * through: the call is refused, its result or the answer is withheld, or the step fails with `HookFailed`.
 *
 * **Example** (A folder that no call leaves)
 *
 * ```ts
 * import { Hook } from "@reins/runtime"
 * import { Effect, Schema } from "effect"
 *
 * const hasPath = Schema.is(Schema.Struct({ path: Schema.String }))
 *
 * export const inFolder = Hook.make("in-folder", {
 *   tools: ["read_file"],
 *   beforeCall: ({ args }) =>
 *     Effect.succeed(hasPath(args) && args.path.includes("..") ? Hook.refuse("Stay in the folder") : Hook.pass)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <R1 = never, R2 = never, R3 = never, R4 = never>(
  name: string,
  options: Options<R1, R2, R3, R4>
): Hook<R1 | R2 | R3 | R4> => ({
  [TypeId]: { _R: phantom },
  name,
  definition: {
    beforeCall: options.beforeCall,
    afterCall: options.afterCall,
    beforeStep: options.beforeStep,
    afterStep: options.afterStep,
    holdsText: options.holdsText ?? false,
    tools: options.tools,
    timeoutMs: Budget.milliseconds(options.timeout ?? "30 seconds")
  },
  issue: Rule.issueOf(`Hook.make(${JSON.stringify(name)})`, options, rule)
})

/**
 * True for a hook that `make` has made.
 *
 * @since 0.2.0
 * @category guards
 */
export const isHook = (value: unknown): value is Any => Predicate.hasProperty(value, TypeId)

const phantom = (): never => {
  throw new Error("Hook variance members exist only for types and cannot be called")
}
