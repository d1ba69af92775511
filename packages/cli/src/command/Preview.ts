/** `reins preview`: what a query would start, without starting it. */
import { type Preview, type PreviewedApprovers, type PreviewedTool, Runtime } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as ThreadChoice from "../chat/ThreadChoice.ts"
import { ended, failed, misused } from "../setting/CommandFailed.ts"
import * as Limits from "../setting/Limits.ts"
import * as ModelChoice from "../setting/ModelChoice.ts"
import * as Workplace from "../setting/Workplace.ts"
import { Screen } from "../terminal/Screen.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"

/** The options of the command line. */
export interface Given extends Omit<Workplace.Given, "carries" | "isUnasked" | "isWatched" | "makesStore" | "standIn"> {
  readonly question: string | undefined
  readonly thread: string | undefined
  readonly agent: string | undefined
  readonly budget: string | undefined
  readonly jsonOutput: boolean
}

export const run = Effect.fnUntraced(function* (given: Given) {
  const { agent, question, thread } = given
  if (question === undefined || question.trim() === "")
    return yield* misused('There is no question. Give one: reins preview "What is in this folder?"')
  const screen = yield* Screen
  const budget = yield* Limits.budgetOf(given.budget)
  const workplace = yield* Workplace.make({
    ...given,
    isWatched: false,
    isUnasked: true,
    carries: false,
    makesStore: false
  })
  const preview = yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    const options = {
      budget,
      ...(agent === undefined ? {} : { agent }),
      ...(thread === undefined ? {} : { threadId: yield* ThreadChoice.stored(runtime, thread) })
    }
    return yield* Effect.mapError(runtime.preview(question, options), (error) =>
      failed(`Nothing would be started: ${ended(error.message)}`, error)
    )
  }).pipe(Effect.provide(workplace.layer))
  const lines = given.jsonOutput ? [JSON.stringify(preview)] : linesOf(preview, screen.look())
  yield* screen.print(`${lines.join("\n")}\n`)
})

/** The preview for a person. Pure. */
export const linesOf = (preview: Preview, look: Style.Look): ReadonlyArray<string> => {
  const { agent, choices, inputTokens, messages, tools } = preview
  const fold = (text: string) => Style.fold(Text.harmless(text), look.columns ?? Infinity)
  const isOne = tools.every(({ agents }) => agents.length === 1)
  return [
    ...fold(`${agent} would ask ${modelOf(preview)}. Nothing was started.`),
    ...(choices === undefined ? [] : fold(choiceOf(choices))),
    "",
    Style.paint(look, "bold", "First request"),
    ...fold(
      `about ${Text.counted(inputTokens.total, "token")}: instructions ${Text.count(inputTokens.instructions)}, ` +
        `tools ${Text.count(inputTokens.tools)}, ${Text.counted(messages, "message")} ${Text.count(inputTokens.messages)}`
    ),
    "",
    Style.paint(look, "bold", "Tools"),
    ...(tools.length === 0
      ? ["none"]
      : Style.table(
          [
            ...(isOne ? [] : [{ title: "agent", expendable: 1 }]),
            { title: "tool" },
            { title: "a call" },
            { title: "who answers" }
          ],
          tools.map((tool) =>
            [...(isOne ? [] : [tool.agents.join(" > ")]), tool.name, decisionOf(tool), answererOf(tool)].map((cell) =>
              Text.harmless(cell).replaceAll("\n", " ")
            )
          ),
          look
        )),
    "",
    Style.paint(look, "bold", "At most"),
    ...fold(mostOf(preview))
  ]
}

const modelOf = ({ model, provider }: Preview): string => {
  const { none } = ModelChoice
  return provider === none.provider && model === none.model ? "the model, which is not set" : `${provider}/${model}`
}

/** What an agent that chooses for each step chooses from. */
const choiceOf = (choices: NonNullable<Preview["choices"]>): string => {
  const models = choices.map(({ model, provider }) => `${provider}/${model}`).join(", ")
  return `Its code chooses what each step uses, of what is shown here${models === "" ? "" : ` and of ${models}`}.`
}

const decisionOf = (tool: PreviewedTool): string => {
  const { hooks = [] } = tool
  return hooks.length === 0 ? ruledOf(tool) : `${ruledOf(tool)}, after ${hooks.join(", ")}`
}

const ruledOf = ({ decision, execution }: PreviewedTool): string => {
  switch (decision) {
    case "asks":
      return "asks"
    case "denied":
      return "is denied"
    case "depends":
      return "asks or not, by its arguments"
    case "runs":
      return execution === "client" ? "goes to the caller" : "runs"
  }
}

const answererOf = ({ approvers, decision, grants = 0, reason, unattended }: PreviewedTool): string => {
  if (decision === "denied") return reason ?? ""
  if (decision === "runs") return ""
  if (unattended !== undefined) return unattended === "deny" ? "no one: rejected" : "no one: approved"
  const who = approvers === undefined ? "anybody" : approvers.map(needOf).join(", then ")
  return grants === 0 ? who : `${who}, unless one of ${Text.counted(grants, "grant")} covers it`
}

const needOf = ({ afterMs, excludesRequester, judged, quorum, roles }: PreviewedApprovers): string => {
  const who = roles === undefined ? "anybody" : roles.join(" or ")
  const notes = [
    ...(excludesRequester === true ? ["not who asks"] : []),
    ...(judged === true ? ["by code"] : []),
    ...(afterMs === undefined ? [] : [`for ${Style.time(afterMs)}`])
  ]
  return `${quorum > 1 ? `${quorum} of ` : ""}${who}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`
}

/** The limits in words. */
const mostOf = ({ most, onExhausted }: Preview): string => {
  const { agents, costUsd, durationMs, inputTokens, outputTokens, steps, toolCalls } = most
  const parts = [
    ...(costUsd === undefined ? [] : [`$${costUsd.toFixed(4)}`]),
    ...(steps === undefined ? [] : [Text.counted(steps, "step")]),
    ...(toolCalls === undefined ? [] : [Text.counted(toolCalls, "call")]),
    ...(inputTokens === undefined ? [] : [`${Text.count(inputTokens)} input tokens`]),
    ...(outputTokens === undefined ? [] : [`${Text.count(outputTokens)} output tokens`]),
    ...(agents === undefined ? [] : [Text.counted(agents, "specialist")]),
    ...(durationMs === undefined ? [] : [Style.time(durationMs)])
  ]
  const money = costUsd === undefined ? " Money has no limit: --budget usd=0.25 sets one." : ""
  return parts.length === 0 ? `no limit.${money}` : `${parts.join(", ")}; at a limit: ${onExhausted}.${money}`
}
