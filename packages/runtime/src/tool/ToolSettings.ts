/**
 * How a tool is run, as annotations on the tool: `tool.annotate(ToolSettings.Timeout, Duration.seconds(30))`.
 */
import { type Budget, Money } from "@reins/protocol"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type * as ApproversOf from "../approval/Approvers.ts"
import type * as Erased from "../kernel/Erased.ts"

/** How long one attempt of a call may take; then it is interrupted and the model reads a timeout. Absent: no limit. */
export const Timeout: Context.Reference<Duration.Input | undefined> = Context.Reference<Duration.Input | undefined>(
  "@reins/runtime/ToolSettings/Timeout",
  { defaultValue: () => undefined }
)

/**
 * How often a call that failed or timed out is tried again. Only for tools whose repetition does no harm. Default 0.
 */
export const Retries: Context.Reference<number> = Context.Reference<number>("@reins/runtime/ToolSettings/Retries", {
  defaultValue: () => 0
})

/**
 * How many calls of this tool an agent runs at the same time; the others wait. Absent: the agent's `maxParallelCalls`.
 */
export const Concurrency: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "@reins/runtime/ToolSettings/Concurrency",
  { defaultValue: () => undefined }
)

/**
 * The tool is made to be called again and again with the same arguments, as one that asks how far something is: its
 * calls do not count for `repeatedCallLimit`. Default false.
 */
export const MayRepeat: Context.Reference<boolean> = Context.Reference<boolean>(
  "@reins/runtime/ToolSettings/MayRepeat",
  { defaultValue: () => false }
)

/**
 * The tool executes a plan: its arguments are the plan, typed by its parameters, and a person is asked about it as a
 * whole (kind `plan`) unless the tool or its agent says that nobody need be. The plan's way is told by
 * `plan-status-change` events; a revision goes back to the model that proposed it.
 */
export const IsPlan: Context.Reference<boolean> = Context.Reference<boolean>("@reins/runtime/ToolSettings/IsPlan", {
  defaultValue: () => false
})

/** Who may answer the questions about this tool's calls, unless its agent's `approvals` name others. Absent: its agent's `approvers`. */
export const Approvers: Context.Reference<ApproversOf.Approvers | undefined> = Context.Reference<
  ApproversOf.Approvers | undefined
>("@reins/runtime/ToolSettings/Approvers", { defaultValue: () => undefined })

/** The most that one call may cost: US dollars, or a function of its decoded arguments that answers them. */
export type MostCost = number | ((args: Erased.Any) => number)

/**
 * The most that one call may cost, retries of its handler included, in US dollars: an amount, or a function of the
 * call's decoded arguments. It is held on the agent's budget and all above before the call, and settled with what the
 * handler reports (`ToolRun.reportCost`) after; what is reported beyond it counts all the same, and marks the row
 * `overrun`. 0 says that a call costs nothing, so that it may run when the money is spent.
 *
 * Absent: nothing is held. Then no call starts once a limit on money is spent, and what a running one reports beyond
 * the limit marks its row `overrun`.
 *
 * **Errors**: an amount that cannot be represented (negative, NaN, infinite, above 9 million) is `InvalidAgents` when
 * the layer is built. Where a function answers one, or throws, the call does not run, and the model reads
 * `ToolCrashed`.
 */
export const MaxCostUsd: Context.Reference<MostCost | undefined> = Context.Reference<MostCost | undefined>(
  "@reins/runtime/ToolSettings/MaxCostUsd",
  { defaultValue: () => undefined }
)

/** What the declared most came to for one call. */
export type Most =
  | { readonly _tag: "Most"; readonly amount: Pick<Budget.Amount, "nanoUsd"> }
  | { readonly _tag: "NoAmount"; readonly cause: unknown }

/** What `MaxCostUsd` says of decoded arguments; a failure where it is an amount that cannot be represented. */
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
 * The server that the tool is of, by the name it gives itself. Part of the tool's definition: an approval for one
 * server's tool does not hold for the same tool of another. Absent: a tool of the program itself.
 */
export const Server: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@reins/runtime/ToolSettings/Server",
  { defaultValue: () => undefined }
)
