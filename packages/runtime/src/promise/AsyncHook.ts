/**
 * A hook as plain functions that return a verdict, or a promise of one.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Hook from "../hook/Hook.ts"
import * as Rule from "../kernel/OptionRule.ts"

/**
 * The second argument of a hook's function: `ask` asks a model within the run's budget and rejects with `AskFailed`;
 * `reportCost` adds US dollars that the hook has spent itself; `signal` is aborted when the function times out or the run
 * is cancelled.
 *
 * @since 0.1.0
 * @category models
 */
export type Given<At extends Hook.Place> = Omit<At, "ask" | "issueOf" | "reportCost"> & {
  readonly ask: (question: Hook.Question) => Promise<string>
  readonly reportCost: (usd: number) => Promise<void>
  readonly signal: AbortSignal
}

/**
 * A call before its gate. `issueOf`: why arguments do not fit the tool; `undefined` if they do.
 *
 * @since 0.1.0
 * @category models
 */
export type GivenCall = Given<Hook.Call> & { readonly issueOf: (args: Json) => Promise<string | undefined> }

type Said<V extends keyof Hook.Verdicts> = Hook.Verdicts[V] | Promise<Hook.Verdicts[V]>

/**
 * A hook. If a function throws, takes longer than `timeoutMs` (absent: 30 seconds), or returns no verdict, the call or
 * step does not continue.
 *
 * **Details**
 * - `beforeCall`, `afterCall`: around calls. `beforeStep`, `afterStep`: around model steps.
 * - `holdsText`: nothing of an answer is shown before `afterStep` has let it through. Absent: false.
 * - `tools`: the tools and specialists with calls that it is for. Absent: all.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncHook {
  readonly name: string
  readonly beforeCall?: ((call: GivenCall) => Said<"beforeCall">) | undefined
  readonly afterCall?: ((call: Given<Hook.CallResult>) => Said<"afterCall">) | undefined
  readonly beforeStep?: ((step: Given<Hook.Step>) => Said<"beforeStep">) | undefined
  readonly afterStep?: ((answer: Given<Hook.Answer>) => Said<"afterStep">) | undefined
  readonly holdsText?: boolean | undefined
  readonly tools?: ReadonlyArray<string> | undefined
  readonly timeoutMs?: number | undefined
}

const rule = Rule.fields<AsyncHook>('Give an object such as { name: "guard", beforeCall: (call) => Hook.pass }', {
  name: Rule.name('Give the hook a name, as in { name: "guard" }'),
  beforeCall: Rule.optional(Rule.callable()),
  afterCall: Rule.optional(Rule.callable()),
  beforeStep: Rule.optional(Rule.callable()),
  afterStep: Rule.optional(Rule.callable()),
  holdsText: Rule.optional(Rule.flag),
  tools: Rule.optional(Rule.list("Give a list of names of tools and specialists", Rule.name("Name a tool"))),
  timeoutMs: Rule.optional(Rule.milliseconds)
})

/** Throws where what a function of this front was given is invalid: `of` names the hook, and the message the option. */
export const requireHook = (of: string, name: unknown, definition: unknown, rule: Rule.Rule): void =>
  Rule.requireValid(`${of}(${typeof name === "string" ? JSON.stringify(name) : ""})`, definition, rule)

/**
 * Makes a hook for a runtime, an agent or a tool. Throws when an option is invalid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hook = (definition: AsyncHook): Hook.Hook => {
  requireHook("hook", Predicate.hasProperty(definition, "name") ? definition.name : undefined, definition, rule)
  const { afterCall, afterStep, beforeCall, beforeStep, holdsText, name, timeoutMs: timeout, tools } = definition
  return Hook.make(name, {
    holdsText,
    timeout,
    tools,
    beforeCall:
      beforeCall === undefined
        ? undefined
        : (call) =>
            said((given) =>
              beforeCall({ ...call, ...given(call), issueOf: (args) => Effect.runPromise(call.issueOf(args)) })
            ),
    afterCall: afterCall === undefined ? undefined : (call) => said((given) => afterCall({ ...call, ...given(call) })),
    beforeStep:
      beforeStep === undefined ? undefined : (step) => said((given) => beforeStep({ ...step, ...given(step) })),
    afterStep:
      afterStep === undefined ? undefined : (answer) => said((given) => afterStep({ ...answer, ...given(answer) }))
  })
}

type Means = (place: Hook.Place) => Pick<Given<Hook.Place>, "ask" | "reportCost" | "signal">

/** Runs a function; what it asks and reports runs as the hook does. */
export const said = <A>(act: (given: Means) => A | Promise<A>): Effect.Effect<A> =>
  Effect.flatMap(Effect.context<never>(), (context) =>
    Effect.promise((signal) =>
      Promise.resolve(
        act(({ ask, reportCost }) => ({
          signal,
          ask: (question) => Effect.runPromiseWith(context)(ask(question), { signal }),
          reportCost: (usd) => Effect.runPromiseWith(context)(reportCost(usd))
        }))
      )
    )
  )
