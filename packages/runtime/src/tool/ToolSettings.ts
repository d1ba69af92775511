/**
 * Settings of a tool, as annotations: `tool.annotate(ToolSettings.Timeout, Duration.seconds(30))`.
 */
import { type Budget, Money, type Question } from "@reins/protocol"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type * as ApproversOf from "../approval/Approvers.ts"
import type { Hook } from "../hook/Hook.ts"
import type { Retrying } from "./Retrying.ts"
import type * as Erased from "../kernel/Erased.ts"

/**
 * How long one attempt of a call may take; then it is interrupted and the model reads a timeout. Absent: no limit.
 *
 * @since 0.1.0
 * @category services
 */
export const Timeout: Context.Reference<Duration.Input | undefined> = Context.Reference<Duration.Input | undefined>(
  "@reins/runtime/ToolSettings/Timeout",
  { defaultValue: () => undefined }
)

/**
 * How often a call that failed or timed out is retried. Only for tools that can be repeated without harm. Default 0.
 *
 * @since 0.1.0
 * @category services
 */
export const Retries: Context.Reference<number> = Context.Reference<number>("@reins/runtime/ToolSettings/Retries", {
  defaultValue: () => 0
})

/**
 * As `Retries`, with delays and for some failures only. In place of `Retries`, if both are given. Each attempt's reported
 * cost counts. Only for tools that can be repeated without harm, or with a predicate that takes only failures without
 * effect. Default none.
 *
 * **Errors**: `times` that is not a whole number, or a `backoff` below 1, is `InvalidAgents` when the layer is built.
 *
 * @since 0.1.0
 * @category services
 */
export const Retry: Context.Reference<Retrying | undefined> = Context.Reference<Retrying | undefined>(
  "@reins/runtime/ToolSettings/Retry",
  { defaultValue: () => undefined }
)

/**
 * How many calls of this tool an agent runs at the same time; the others wait. Absent: the agent's `maxParallelCalls`.
 *
 * @since 0.1.0
 * @category services
 */
export const Concurrency: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "@reins/runtime/ToolSettings/Concurrency",
  { defaultValue: () => undefined }
)

/**
 * The tool is meant to be called repeatedly with the same arguments, such as one that polls a status: its calls do not
 * count for `repeatedCallLimit`. Default false.
 *
 * @since 0.1.0
 * @category services
 */
export const MayRepeat: Context.Reference<boolean> = Context.Reference<boolean>(
  "@reins/runtime/ToolSettings/MayRepeat",
  { defaultValue: () => false }
)

/**
 * The tool executes a plan: its arguments are the plan, typed by its parameters, and a person is asked about it as a
 * whole (kind `plan`) unless the tool's or its agent's policy is never to ask. `plan-status-change` events report its
 * status; a revision goes back to the model that proposed it.
 *
 * @since 0.1.0
 * @category services
 */
export const IsPlan: Context.Reference<boolean> = Context.Reference<boolean>("@reins/runtime/ToolSettings/IsPlan", {
  defaultValue: () => false
})

/**
 * The question in a call's decoded arguments, or what is wrong with them, as a sentence that the model reads.
 *
 * @since 0.1.0
 * @category models
 */
export type Asks = (args: Erased.Any) => Result.Result<Question.Question, string>

/**
 * The tool asks a person: the runtime does not run it, but asks the question in its arguments (kind `question`) and
 * closes its call with the answer. Its policy only counts where it denies; its approvers are who may answer. Absent: a
 * tool that runs. `AskPerson` is such a tool.
 *
 * @since 0.1.0
 * @category services
 */
export const AsksPerson: Context.Reference<Asks | undefined> = Context.Reference<Asks | undefined>(
  "@reins/runtime/ToolSettings/AsksPerson",
  { defaultValue: () => undefined }
)

/**
 * Who may answer the questions about this tool's calls, unless its agent's `approvals` name others. Absent: its agent's
 * `approvers`.
 *
 * @since 0.1.0
 * @category services
 */
export const Approvers: Context.Reference<ApproversOf.Approvers | undefined> = Context.Reference<
  ApproversOf.Approvers | undefined
>("@reins/runtime/ToolSettings/Approvers", { defaultValue: () => undefined })

/**
 * The maximum cost of one call: US dollars, or a function of its decoded arguments that returns them.
 *
 * @since 0.1.0
 * @category models
 */
export type MostCost = number | ((args: Erased.Any) => number)

/**
 * The maximum cost of one call, retries of its handler included, in US dollars: an amount, or a function of the call's
 * decoded arguments. It is held on the agent's budget and all above before the call, and settled with what the handler
 * reports (`ToolRun.reportCost`); what is reported beyond it also counts, and marks the row `overrun`. With 0, a call
 * costs nothing and may run when the money is spent.
 *
 * Absent: nothing is held. Then no call starts once a limit on money is spent, and what a running one reports beyond
 * the limit marks its row `overrun`.
 *
 * **Errors**: an invalid amount (negative, NaN, infinite, above 9 million) is `InvalidAgents` when the layer is built.
 * If a function returns one, or throws, the call does not run, and the model reads `ToolCrashed`.
 *
 * @since 0.1.0
 * @category services
 */
export const MaxCostUsd: Context.Reference<MostCost | undefined> = Context.Reference<MostCost | undefined>(
  "@reins/runtime/ToolSettings/MaxCostUsd",
  { defaultValue: () => undefined }
)

/**
 * The maximum cost of one call as evaluated.
 *
 * @since 0.1.0
 * @category models
 */
export type Most =
  | { readonly _tag: "Most"; readonly amount: Pick<Budget.Amount, "nanoUsd"> }
  | { readonly _tag: "NoAmount"; readonly cause: unknown }

/**
 * Evaluates `MaxCostUsd` for decoded arguments; fails if it is an invalid amount.
 *
 * @since 0.1.0
 * @category operations
 */
export const mostCost = (declared: MostCost): Result.Result<(args: unknown) => Most, Money.InvalidAmount> =>
  typeof declared === "number"
    ? Result.map(Money.parseUsd("MaxCostUsd", declared), (nanoUsd) => {
        const most: Most = { _tag: "Most", amount: { nanoUsd } }
        return () => most
      })
    : Result.succeed((args) =>
        Result.match(
          Result.flatMap(
            Result.try(() => declared(args)),
            (usd): Result.Result<number, unknown> => Money.parseUsd("MaxCostUsd", usd)
          ),
          {
            onFailure: (cause) => ({ _tag: "NoAmount", cause }),
            onSuccess: (nanoUsd) => ({ _tag: "Most", amount: { nanoUsd } })
          }
        )
      )

/**
 * The name of the server that provides the tool, as the server states it. Part of the tool's definition: an approval
 * for one server's tool does not apply to the same tool of another. Absent: a tool of the program itself.
 *
 * @since 0.1.0
 * @category services
 */
export const Server: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@reins/runtime/ToolSettings/Server",
  { defaultValue: () => undefined }
)

/**
 * Code around the tool's calls, the outermost first; inside of the agent's hooks. Hooks that need services belong to the
 * agent or the runtime, whose layers provide them. Functions for model steps have no effect here. Default none.
 *
 * @since 0.1.0
 * @category services
 */
export const Hooks: Context.Reference<ReadonlyArray<Hook>> = Context.Reference<ReadonlyArray<Hook>>(
  "@reins/runtime/ToolSettings/Hooks",
  { defaultValue: () => [] }
)
