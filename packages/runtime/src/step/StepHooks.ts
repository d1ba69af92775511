/**
 * The hooks around one model step, within its work. Before: what they make of the request is what the model gets, and
 * the conversation is unchanged. After: they see the finished answer, before its calls are announced and anything of it
 * is kept. An answer that is held (`holdsText`) is shown when they have let it through; one that was streamed is
 * retracted where they change or refuse it.
 */
import { type Budget, Event, type Message, RunErrors, type Usage } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Hook from "../hook/Hook.ts"
import type { StepHooks } from "../hook/HookChain.ts"
import * as Task from "../kernel/Task.ts"
import type { Answer } from "./Answer.ts"
import type { HookRun, Unsaid } from "./HookRun.ts"

/** How a step has ended at its hooks. `endsRun`: for the whole run, and not for the agent alone. */
export type Stopped =
  | { readonly _tag: "Failed"; readonly failure: RunErrors.HookEnded | RunErrors.HookFailed; readonly endsRun: boolean }
  | { readonly _tag: "Cancelled" }
  | { readonly _tag: "OutOfTime"; readonly refusal: Budget.Refusal }

/** The request that hooks have left, or the end of the step. */
export type Before = { readonly _tag: "Go"; readonly request: Hook.Request } | Stopped

/** The answer's content that hooks have left, a reason for the model to answer again, or the end of the step. */
export type After =
  | { readonly _tag: "Go"; readonly content: ReadonlyArray<Message.AssistantPart> }
  | { readonly _tag: "Rejected"; readonly hook: string; readonly reason: string }
  | Stopped

/** Whether the answer is not shown before the hooks after the step; `undefined` if there are none. */
export const holds = (hooks: StepHooks): boolean | undefined => {
  const after = hooks.filter(({ afterStep }) => afterStep !== undefined)
  return after.length === 0 ? undefined : after.some(({ holdsText }) => holdsText)
}

/** Runs the hooks before a step, or before a request besides it, the outermost first. */
export const before = (
  all: HookRun,
  hooks: StepHooks,
  request: Hook.Request,
  from = 0,
  purpose?: "compaction"
): Effect.Effect<Before> => {
  for (let index = from; index < hooks.length; index++) {
    const hook = hooks[index]
    const { beforeStep } = hook ?? {}
    if (hook === undefined || beforeStep === undefined) continue
    const place = { ...all.placeOf(hook), step: all.step, request }
    const step: Hook.Step =
      purpose === undefined ? { ...place, input: inputOf(request.messages) } : { ...place, purpose, input: [] }
    return Task.flatMap(
      all.verdict(hook, "beforeStep", () => beforeStep(step)),
      (verdict): Effect.Effect<Before> => {
        switch (verdict._tag) {
          case "Pass":
            return before(all, hooks, request, index + 1, purpose)
          case "Request":
            return before(all, hooks, { ...request, ...verdict.request }, index + 1, purpose)
          case "Refuse":
          case "End":
          case "Failed":
          case "Cancelled":
          case "OutOfTime":
            return Exit.succeed(stopped("beforeStep", hook.name, verdict))
        }
      }
    )
  }
  return Exit.succeed({ _tag: "Go", request })
}

/** The messages of a user at the end of a conversation. */
const inputOf = (messages: ReadonlyArray<Message.Message>): ReadonlyArray<Message.User> => {
  const last = messages.findLastIndex(({ role }) => role !== "user")
  return messages.slice(last + 1).filter((message) => message.role === "user")
}

const stopped = (
  place: RunErrors.HookFailed["place"],
  hook: string,
  verdict: Hook.Refuse | Hook.End | Unsaid
): Stopped => {
  switch (verdict._tag) {
    case "Refuse":
    case "End": {
      const failure = new RunErrors.HookEnded({ hook, description: verdict.reason })
      return { _tag: "Failed", failure, endsRun: verdict._tag === "End" }
    }
    case "Failed":
      return { _tag: "Failed", failure: new RunErrors.HookFailed({ hook, place }), endsRun: false }
    case "Cancelled":
    case "OutOfTime":
      return verdict
  }
}

/** Runs the hooks after a step, the innermost first. */
export const after = (
  all: HookRun,
  hooks: StepHooks,
  answer: Answer,
  usage: Usage.Usage,
  content: ReadonlyArray<Message.AssistantPart> = answer.content,
  from = hooks.length
): Effect.Effect<After> => {
  for (let index = from - 1; index >= 0; index--) {
    const hook = hooks[index]
    const { afterStep } = hook ?? {}
    if (hook === undefined || afterStep === undefined) continue
    const given: Hook.Answer = {
      ...all.placeOf(hook),
      step: all.step,
      content,
      text: content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join(""),
      stop: answer.stop ?? "other",
      usage,
      isShown: holds(hooks) === false
    }
    return Task.flatMap(
      all.verdict(hook, "afterStep", () => afterStep(given)),
      (verdict): Effect.Effect<After> => {
        switch (verdict._tag) {
          case "Pass":
            return after(all, hooks, answer, usage, content, index)
          case "Content":
            return after(all, hooks, answer, usage, verdict.content, index)
          case "Refuse":
            return Exit.succeed({ _tag: "Rejected", hook: hook.name, reason: verdict.reason })
          case "End":
          case "Failed":
          case "Cancelled":
          case "OutOfTime":
            return Exit.succeed(stopped("afterStep", hook.name, verdict))
        }
      }
    )
  }
  return Exit.succeed({ _tag: "Go", content })
}

/** The events of an answer's text, reasoning and sources, as they would have been streamed. */
export const spoken = ({ content, sources = [] }: Answer): ReadonlyArray<Event> => {
  const counts = { text: 0, reasoning: 0 }
  const said = content.flatMap((part) => {
    if ((part.type !== "text" && part.type !== "reasoning") || part.text === "") return []
    const place = ++counts[part.type]
    const name = place === 1 ? undefined : `${place}`
    return [part.type === "text" ? Event.text(part.text, name) : Event.reasoning(part.text, name)]
  })
  return [...said, ...sources]
}

/** The message to readers of a streamed answer that hooks have changed or refused. */
export const retracted = (hook: string | undefined): Event => ({
  type: "step-retracted",
  reason: hook === undefined ? "a hook changed the answer" : `the hook ${JSON.stringify(hook)} refused the answer`
})

export const stepStart: Event = { type: "step-start" }
